package dev.faultline.vm.program.random;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Makes random programs whose processes race: they load and store the same words of shared mappings, and of private
 * mappings of the files that others store to, while they fork, map, protect, advise, write out and truncate. What such
 * a program prints has many right answers; which of them a run may give is for the content oracle to say.
 *
 * <p>What is left out: memory whose contents the specification leaves open. A shared file mapping is made private by
 * {@code minherit} in few programs only, as from then on nothing is promised of it.
 */
public final class RacingPrograms {
  static final int PAGE = 4096;
  static final int DEVICE_PAGES = 3;
  private static final int FILE_PAGES_MAX = 6;

  final SplittableRandom random;
  final RacingOptions options;
  /** The names of the program's files. */
  final List<String> files = new ArrayList<>();
  /** Whether shared mappings of files may be made private. */
  final boolean unpromised;

  private final Deque<Racer> waiting = new ArrayDeque<>();
  private final StringBuilder sections = new StringBuilder();
  private int made;

  private RacingPrograms(long seed, RacingOptions options) {
    this.options = options;
    random = new SplittableRandom(seed);
    unpromised = random.nextInt(8) == 0;
  }

  /** Returns the text of the program that {@code seed} stands for; the same for the same options on every machine. */
  public static String generate(long seed, RacingOptions options) {
    RacingPrograms p = new RacingPrograms(seed, options);
    return "vmprogram 1\n# racing, seed " + seed + ", " + options + "\n" + p.generate();
  }

  private String generate() {
    StringBuilder declarations = new StringBuilder();
    for (int i = 1 + random.nextInt(2); i > 0; i--) {
      String name = "f" + i;
      files.add(name);
      declarations.append("file ").append(name).append(' ').append(someLength());
      if (random.nextBoolean()) {
        declarations.append(" 0x").append(Long.toHexString(random.nextLong()));
      }
      declarations.append('\n');
    }
    if (options.devices()) {
      declarations.append("device d ").append(DEVICE_PAGES * PAGE).append('\n');
    }
    waiting.add(new Racer(this, newPid()));
    for (Racer r = waiting.poll(); r != null; r = waiting.poll()) {
      sections.append("process ").append(r.pid).append('\n').append(r.run());
    }
    return declarations.append(sections).toString();
  }

  /** Returns the length of a file: of any number of bytes, whole pages, or none. */
  long someLength() {
    int dice = random.nextInt(10);
    if (dice == 0) {
      return 0;
    }
    int pages = 1 + random.nextInt(FILE_PAGES_MAX);
    return (long) pages * PAGE - (dice < 4 ? 0 : random.nextInt(PAGE));
  }

  /** Returns whether there may be one more process. */
  boolean hasRoom() {
    return made < options.processes();
  }

  private int newPid() {
    return ++made;
  }

  /** Makes the child of a fork, which begins with what its parent has. */
  Racer child(Racer parent) {
    Racer child = new Racer(parent, newPid());
    waiting.add(child);
    return child;
  }
}
