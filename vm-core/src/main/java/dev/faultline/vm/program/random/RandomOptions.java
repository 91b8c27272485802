package dev.faultline.vm.program.random;

/**
 * What a random program may be like.
 *
 * @param processes how many processes at most, 1 or more
 * @param pages how many pages of address space they use, 8 or more; with copies and files a program touches a few times
 *     as many
 * @param commands about how many commands, all processes together
 * @param hostPortable whether to leave out what other Unix kernels lack or answer differently: {@code minherit}, advice
 *     that may drop
 *     content, {@code --x}, calls over holes in the address space that some refuse
 * @param wiring whether to use {@code mlock} and {@code munlock}, on a few writable pages
 * @param truncation whether to use {@code truncate}, on files that only one process maps
 * @param residence whether to use {@code mincore}, whose result is anybody's guess
 * @param fileCalls whether to use {@code read} and {@code write}
 * @param segments whether to use {@code image}, {@code brk}, {@code limit} and the stack; no host has them as the model
 */
public record RandomOptions(int processes, int pages, int commands, boolean hostPortable, boolean wiring,
    boolean truncation,
    boolean residence, boolean fileCalls, boolean segments) {
  /** Small programs with all that has one right answer on the model. */
  public static final RandomOptions DEFAULT = new RandomOptions(6, 48, 300, false, false, false, false, false, false);

  /** Checks the numbers. */
  public RandomOptions {
    check("processes", processes, 1);
    check("pages", pages, 8);
    check("commands", commands, 1);
  }

  private static void check(String what, int value, int min) {
    if (value < min) {
      throw new IllegalArgumentException(what + "=" + value + ": expected " + min + " or more");
    }
  }

  /** Returns these options with other sizes. */
  public RandomOptions sized(int newProcesses, int newPages, int newCommands) {
    return new RandomOptions(
        newProcesses, newPages, newCommands, hostPortable, wiring, truncation, residence, fileCalls, segments);
  }

  /** Returns these options, {@code hostPortable} or not. */
  public RandomOptions portable(boolean on) {
    return new RandomOptions(processes, pages, commands, on, wiring, truncation, residence, fileCalls, segments);
  }

  /** Returns these options, with wiring or not. */
  public RandomOptions wired(boolean on) {
    return new RandomOptions(processes, pages, commands, hostPortable, on, truncation, residence, fileCalls, segments);
  }

  /** Returns these options, with truncation or not. */
  public RandomOptions truncated(boolean on) {
    return new RandomOptions(processes, pages, commands, hostPortable, wiring, on, residence, fileCalls, segments);
  }

  /** Returns these options, with read and write or not. */
  public RandomOptions withFileCalls(boolean on) {
    return new RandomOptions(processes, pages, commands, hostPortable, wiring, truncation, residence, on, segments);
  }

  /** Returns these options, with data segment, stack and limits or not. */
  public RandomOptions withSegments(boolean on) {
    return new RandomOptions(
        processes, pages, commands, hostPortable, wiring, truncation, residence, fileCalls, on);
  }
}
