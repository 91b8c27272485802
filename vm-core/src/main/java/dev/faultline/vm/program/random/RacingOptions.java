package dev.faultline.vm.program.random;

/**
 * What a racing program may be like.
 *
 * @param processes how many processes at most, 1 or more
 * @param commands about how many commands each has, 1 or more
 * @param wiring whether to use {@code mlock} and {@code munlock}
 * @param truncation whether to use {@code truncate}; not with wiring: a fork that copies wired memory whose page a
 *     truncation took is a panic (docs/corrections.md, D59)
 * @param fileCalls whether to use {@code read} and {@code write}
 * @param segments whether to use {@code image}, {@code brk}, {@code limit} and the stack
 * @param devices whether to map a device
 */
public record RacingOptions(
    int processes, int commands, boolean wiring, boolean truncation, boolean fileCalls, boolean segments,
    boolean devices) {
  /** Small programs without wiring, truncation, and calls on files. */
  public static final RacingOptions DEFAULT = new RacingOptions(5, 200, false, false, false, false, false);

  /** Checks the numbers, and that not both of wiring and truncation are asked for. */
  public RacingOptions {
    check("processes", processes);
    check("commands", commands);
    if (wiring && truncation) {
      throw new IllegalArgumentException("wiring and truncation: expected one of them at most");
    }
  }

  private static void check(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + "=" + value + ": expected 1 or more");
    }
  }

  /** Returns these options with other sizes. */
  public RacingOptions sized(int newProcesses, int newCommands) {
    return new RacingOptions(newProcesses, newCommands, wiring, truncation, fileCalls, segments, devices);
  }

  /** Returns these options with wiring, and hence without truncation. */
  public RacingOptions wired() {
    return new RacingOptions(processes, commands, true, false, fileCalls, segments, devices);
  }

  /** Returns these options with truncation, and hence without wiring. */
  public RacingOptions truncated() {
    return new RacingOptions(processes, commands, false, true, fileCalls, segments, devices);
  }

  /** Returns these options, with read and write or not. */
  public RacingOptions withFileCalls(boolean on) {
    return new RacingOptions(processes, commands, wiring, truncation, on, segments, devices);
  }

  /** Returns these options, with data segment, stack and limits or not. */
  public RacingOptions withSegments(boolean on) {
    return new RacingOptions(processes, commands, wiring, truncation, fileCalls, on, devices);
  }

  /** Returns these options, with a device or not. */
  public RacingOptions withDevices(boolean on) {
    return new RacingOptions(processes, commands, wiring, truncation, fileCalls, segments, on);
  }
}
