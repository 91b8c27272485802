package dev.faultline.vm.program.random;

import dev.faultline.vm.base.VmProt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A process of a racing program while the program is made. It knows about what it has mapped, no more than it takes to
 * make most accesses go through.
 */
final class Racer {
  /*
   * Implementation overview
   *
   * Slots      The address space is a few slots of a few pages, in the same places in all processes. A slot is mapped
   *            whole or in part, as one kind of memory, and split by whatever protection comes.
   * Words      Few words of each page, so that accesses meet: its first and last ones, and one in its middle.
   * Values     Every store has a value of its own: its process, and a count.
   */
  private static final int SLOTS = 7;
  private static final int SLOT_PAGES = 4;
  private static final long BASE = 0x1000_0000L;
  private static final int PAGE = RacingPrograms.PAGE;
  private static final int WORDS = PAGE / Long.BYTES;
  private static final int[] HOT_WORDS = {0, 1, WORDS / 2, WORDS - 2, WORDS - 1};
  private static final int[] PROTS = {3, 3, 3, 3, 3, 3, 7, 1, 1, 0};
  private static final String[] SYNC_MODES = {"", " async", " invalidate"};
  private static final int RANGE_MAX = 3 * WORDS / 2;
  private static final int WIRED_MAX = 3;
  private static final long VALUES = 1L << 40;

  /** What a slot holds. */
  private enum Kind {
    NOTHING,
    PRIVATE_ANON,
    SHARED_ANON,
    PRIVATE_FILE,
    SHARED_FILE,
    DEVICE
  }

  final int pid;
  private final RacingPrograms program;
  private final SplittableRandom random;
  private final Kind[] slots;
  private final StringBuilder text = new StringBuilder();
  private final List<Integer> children = new ArrayList<>();
  private long values;
  private int wired;

  /** The first process: maps something everywhere, and has the others begin early. */
  Racer(RacingPrograms program, int pid) {
    this(program, pid, new Kind[SLOTS]);
    Arrays.fill(slots, Kind.NOTHING);
    if (program.options.segments()) {
      line(SegmentCommands.image());
    }
    for (int slot = 0; slot < SLOTS; slot++) {
      map(slot);
    }
  }

  /** A child: has what its parent has when this is called. */
  Racer(Racer parent, int pid) {
    this(parent.program, pid, parent.slots.clone());
  }

  private Racer(RacingPrograms program, int pid, Kind[] slots) {
    this.program = program;
    this.pid = pid;
    this.slots = slots;
    random = program.random;
    values = VALUES * pid;
  }

  /** Makes all commands and returns them. */
  String run() {
    int commands = 1 + program.options.commands() / 2 + random.nextInt(program.options.commands());
    for (int i = 0; i < commands; i++) {
      if (pid == 1 && i % 8 == 7 && program.hasRoom() && random.nextBoolean()) {
        fork();
      }
      act();
    }
    if (random.nextInt(3) == 0) {
      children.forEach(c -> line("wait " + c));
    }
    return text.toString();
  }

  private void act() {
    if (program.options.segments() && random.nextInt(8) == 0) {
      new SegmentCommands(random, this::line).emit();
      return;
    }
    int dice = random.nextInt(1000);
    if (dice < 250) {
      line("store " + someWord() + " " + value(1));
    } else if (dice < 530) {
      line("load " + someWord());
    } else if (dice < 630) {
      line("add " + someWord() + " " + (1 + random.nextInt(3)));
    } else if (dice < 680) {
      int words = 1 + random.nextInt(RANGE_MAX);
      line("fill " + someWord() + " " + 8 * words + " " + value(words));
    } else if (dice < 740) {
      line("sum " + someWord() + " " + 8 * (1 + random.nextInt(RANGE_MAX)));
    } else if (dice < 770) {
      line("touch " + "rwx".charAt(random.nextInt(3)) + " " + someWord());
    } else if (dice < 820) {
      map(random.nextInt(SLOTS));
    } else if (dice < 832) {
      line("munmap " + someRange());
    } else if (dice < 872) {
      line("mprotect " + someRange() + " " + VmProt.toString(PROTS[random.nextInt(PROTS.length)]));
    } else if (dice < 902) {
      line("msync " + someRange() + SYNC_MODES[random.nextInt(SYNC_MODES.length)]);
    } else if (dice < 932) {
      line("madvise " + someRange() + (random.nextBoolean() ? " dontneed" : " free"));
    } else if (dice < 950) {
      inherit();
    } else if (dice < 960 && program.options.fileCalls()) {
      line((random.nextBoolean() ? "read " : "write ") + someFile() + " " + someOffset() + " " + someBytes());
    } else if (dice < 970 && program.hasRoom()) {
      fork();
    } else {
      rare();
    }
  }

  private void rare() {
    switch (random.nextInt(4)) {
      case 0 -> {
        if (program.options.truncation()) {
          line("truncate " + someFile() + " " + program.someLength());
        }
      }
      case 1 -> wire();
      case 2 -> {
        if (!children.isEmpty()) {
          line("wait " + children.remove(0));
        }
      }
      default -> {
        if (random.nextInt(8) == 0) {
          line("sleep 1");
        }
      }
    }
  }

  private void line(String command) {
    text.append(command).append('\n');
  }

  private static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  private static long address(int slot) {
    return BASE + (long) slot * SLOT_PAGES * PAGE;
  }

  private String value(int count) {
    long v = values;
    values += count;
    return hex(v);
  }

  private int someSlot() {
    int slot = random.nextInt(SLOTS);
    for (int tries = 0; tries < 8 && slots[slot] == Kind.NOTHING; tries++) {
      slot = random.nextInt(SLOTS);
    }
    return slot;
  }

  private String someWord() {
    int page = random.nextInt(random.nextInt(4) == 0 ? SLOT_PAGES : 2);
    int word = random.nextInt(8) == 0 ? random.nextInt(WORDS) : HOT_WORDS[random.nextInt(HOT_WORDS.length)];
    return hex(address(someSlot()) + (long) page * PAGE + 8L * word);
  }

  /** Returns an offset in a file: near a hot word, or at a page, a chunk, or anywhere. */
  private long someOffset() {
    long page = (long) random.nextInt(4) * PAGE;
    return switch (random.nextInt(4)) {
      case 0 -> page;
      case 1 -> page + 8L * HOT_WORDS[random.nextInt(HOT_WORDS.length)];
      case 2 -> page + (long) PAGE / 8 * random.nextInt(8);
      default -> page + random.nextInt(PAGE);
    };
  }

  /** Returns an address and a length in bytes: of a word, of chunks, or any. */
  private String someBytes() {
    int bytes = switch (random.nextInt(3)) {
      case 0 -> 8;
      case 1 -> PAGE / 8 * (1 + random.nextInt(8));
      default -> random.nextInt(3 * PAGE / 2);
    };
    long skip = random.nextInt(3) == 0 ? random.nextInt(8) : 0;
    return hex(Long.decode(someWord()) + skip) + " " + bytes;
  }

  private String someFile() {
    return program.files.get(random.nextInt(program.files.size()));
  }

  /** Returns a range within a slot. */
  private String someRange() {
    int first = random.nextInt(SLOT_PAGES);
    int pages = 1 + random.nextInt(SLOT_PAGES - first);
    return hex(address(someSlot()) + (long) first * PAGE) + " " + pages * PAGE;
  }

  /** Maps the device, all of it or, seldom, more than there is. */
  private void mapDevice(int slot) {
    int pages = RacingPrograms.DEVICE_PAGES + (random.nextInt(8) == 0 ? 1 : 0);
    line("mmap " + hex(address(slot)) + " " + pages * PAGE + " rw- shared device d 0");
    slots[slot] = Kind.DEVICE;
  }

  private void map(int slot) {
    if (program.options.devices() && random.nextInt(5) == 0) {
      mapDevice(slot);
      return;
    }
    Kind kind = Kind.values()[1 + random.nextInt(4)];
    String length = " " + (SLOT_PAGES - random.nextInt(2)) * PAGE;
    int prot = random.nextInt(8) == 0 ? VmProt.READ : VmProt.READ | VmProt.WRITE;
    String range = "mmap " + hex(address(slot)) + length + " " + VmProt.toString(prot);
    String file = " file " + someFile() + " " + (random.nextInt(4) == 0 ? PAGE * random.nextInt(3) : 0);
    line(range + switch (kind) {
      case PRIVATE_ANON -> " private anon";
      case SHARED_ANON -> " shared anon";
      case PRIVATE_FILE -> " private" + file;
      default -> " shared" + file;
    });
    slots[slot] = kind;
  }

  private void inherit() {
    int slot = someSlot();
    String how = switch (random.nextInt(8)) {
      case 0 -> " none";
      case 1, 2, 3 -> " copy";
      default -> " share";
    };
    if ((slots[slot] != Kind.SHARED_FILE && slots[slot] != Kind.DEVICE) || !how.equals(" copy") || program.unpromised) {
      line("minherit " + hex(address(slot)) + " " + SLOT_PAGES * PAGE + how);
    }
  }

  private void fork() {
    Racer child = program.child(this);
    children.add(child.pid);
    line((random.nextInt(12) == 0 ? "vfork " : "fork ") + child.pid);
  }

  private void wire() {
    if (!program.options.wiring()) {
      return;
    }
    if (wired < WIRED_MAX && random.nextInt(3) != 0) {
      wired++;
      line("mlock " + hex(address(someSlot()) + (long) random.nextInt(2) * PAGE) + " " + PAGE);
    } else {
      wired = Math.max(0, wired - 1);
      line("munlock " + hex(address(someSlot()) + (long) random.nextInt(2) * PAGE) + " " + PAGE);
    }
  }
}
