package dev.faultline.vm.program.random;

import dev.faultline.vm.program.random.SharedMemory.Owner;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Makes random programs; see the package for what makes their output certain. */
public final class RandomPrograms {
  private static final int FILES_MAX = 3;
  private static final long[] BASES = {0x1000_0000L, 0x7_f000_0000L, 0x2000_0000_0000L};
  private static final long[] GAPS = {0, 0x40_0000L, 0x80_0000_0000L};

  final SplittableRandom random;
  final RandomOptions options;
  final List<Actor> actors = new ArrayList<>();
  final List<SharedMemory> memories = new ArrayList<>();
  /** Files that nobody stores to: mapped privately, or shared. */
  final List<RandomFile> constantFiles = new ArrayList<>();
  /** Files that are mapped shared and stored to. */
  final List<RandomFile> storedFiles = new ArrayList<>();
  private final StringBuilder declarations = new StringBuilder();
  private int barriers;
  private long lastPid;

  private RandomPrograms(long seed, RandomOptions options) {
    this.options = options;
    random = new SplittableRandom(seed);
    declarations.append("vmprogram 1\n# random, seed ").append(seed).append(", ").append(options).append('\n');
  }

  /** Returns the text of the program that {@code seed} stands for; the same for the same options on every machine. */
  public static String generate(long seed, RandomOptions options) {
    return new RandomPrograms(seed, options).generate();
  }

  private String generate() {
    Owner first = new Owner();
    for (int i = random.nextInt(FILES_MAX + 1); i > 0; i--) {
      constantFiles.add(file("c" + i, false, first));
    }
    for (int i = random.nextInt(FILES_MAX); i > 0; i--) {
      storedFiles.add(file("s" + i, true, first));
    }
    long base = BASES[random.nextInt(BASES.length)];
    Layout layout = new Layout(options.pages(), base, GAPS[random.nextInt(GAPS.length)]);
    Actor root = new Actor(this, newPid(), layout, first, null);
    if (options.segments()) {
      root.line(SegmentCommands.image());
    }
    if (options.truncation()) {
      root.ownFile = file("t", true, first);
    }
    List<Actor> free = new ArrayList<>();
    while (true) {
      free.clear();
      for (Actor a : actors) {
        if (a.canGoOn()) {
          free.add(a);
        }
      }
      if (free.isEmpty()) {
        break;
      }
      free.get(random.nextInt(free.size())).act();
    }
    StringBuilder text = new StringBuilder(declarations);
    for (Actor a : actors) {
      if (!a.ended) {
        throw new AssertionError("process " + a.pid + " of a random program is stuck");
      }
      text.append("process ").append(a.pid).append('\n').append(a.text);
    }
    return text.toString();
  }

  /** Declares a file of odd length; a constant one is sometimes left undeclared. */
  private RandomFile file(String name, boolean stored, Owner owner) {
    if (!stored && random.nextInt(6) == 0) {
      return new RandomFile(name, Long.MAX_VALUE, null);
    }
    int pages = 1 + random.nextInt(Math.max(1, options.pages() / 4));
    long length = (long) (pages - 1) * Layout.PAGE + random.nextInt(Layout.PAGE + 1);
    declarations.append("file ").append(name).append(' ').append(length);
    if (random.nextInt(4) != 0) {
      declarations.append(" 0x").append(Long.toHexString(random.nextLong()));
    }
    declarations.append('\n');
    SharedMemory memory = null;
    if (stored) {
      memory = new SharedMemory(Math.max(pages, options.pages() / 4) + 1, owner);
      memories.add(memory);
    }
    return new RandomFile(name, length, memory);
  }

  long newPid() {
    lastPid += 1 + random.nextInt(9);
    return lastPid;
  }

  /** Declares a barrier for so many processes and returns its name. */
  String newBarrier(int parties) {
    String name = "b" + barriers++;
    declarations.append("barrier ").append(name).append(' ').append(parties).append('\n');
    return name;
  }

  /** Returns how many processes may still be made. */
  int processesLeft() {
    return options.processes() - actors.size();
  }

  /** Returns how many commands a new process is to have, about. */
  int quota() {
    int mean = Math.max(1, options.commands() / options.processes());
    return 1 + mean / 2 + random.nextInt(mean);
  }
}
