package dev.faultline.vm.program.random;

import dev.faultline.vm.program.random.Layout.Page;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** read and write of one process of a random program, each chosen so that its result is certain. */
final class FileCommands {
  /*
   * Implementation overview
   *
   * Files     That nobody stores to are read, those that this process shares are read and written where it owns the
   *           words, never beyond their end; the one that is its own may grow.
   * Memory    All words of it are free to this process, and of no mapping of the same file; or the very first is
   *           refused.
   */
  private static final int BYTES_MAX = 2 * Layout.PAGE + 100;
  private static final int CHUNK = Layout.PAGE / 8;

  private final Actor actor;
  private final SplittableRandom random;

  FileCommands(Actor actor) {
    this.actor = actor;
    random = actor.random;
  }

  /** Emits a command, or none, where the dice found nothing that may be done. */
  void emit() {
    RandomPrograms p = actor.program;
    int dice = random.nextInt(3);
    if (dice == 0 && !p.constantFiles.isEmpty()) {
      RandomFile file = p.constantFiles.get(random.nextInt(p.constantFiles.size()));
      if (file.length != Long.MAX_VALUE) { // else it is as long as it is read
        transfer(file, false);
      }
    } else if (dice == 1 && actor.ownFile != null) {
      transfer(actor.ownFile, random.nextBoolean());
    } else if (!p.storedFiles.isEmpty()) {
      transfer(p.storedFiles.get(random.nextInt(p.storedFiles.size())), random.nextBoolean());
    }
  }

  private void transfer(RandomFile file, boolean write) {
    boolean own = file == actor.ownFile;
    long room = own ? (long) actor.program.options.pages() / 4 * Layout.PAGE : file.length;
    for (int tries = 0; tries < 6; tries++) {
      long offset = someOffset(room + (write ? 0 : Layout.PAGE));
      long bytes = someLength();
      if (write) {
        bytes = Math.min(bytes, room - offset);
      }
      boolean certain = bytes >= 0 && (own || file.memory == null || isOurs(file, offset, bytes));
      if (certain && emit(file, write, offset, bytes)) {
        if (write && own) {
          file.length = Math.max(file.length, bytes == 0 ? 0 : offset + bytes);
        }
        return;
      }
    }
  }

  private long someOffset(long end) {
    long offset = random.nextLong(end + 1);
    return switch (random.nextInt(4)) {
      case 0 -> offset;
      case 1 -> offset & -8L;
      default -> offset / CHUNK * CHUNK;
    };
  }

  private int someLength() {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(20);
      case 1 -> random.nextInt(BYTES_MAX);
      default -> CHUNK * (1 + random.nextInt(9));
    };
  }

  /** Returns whether this process owns all words that some bytes of a shared file touch. */
  private boolean isOurs(RandomFile file, long offset, long bytes) {
    SharedMemory memory = file.memory;
    for (long at = offset & -8L; memory != null && at < Math.min(offset + bytes, file.length); at += 8) {
      if (memory.owner((int) (at / Layout.PAGE), (int) (at % Layout.PAGE) / 8) != actor.owner) {
        return false;
      }
    }
    return true;
  }

  private boolean emit(RandomFile file, boolean write, long offset, long bytes) {
    Layout layout = actor.layout;
    int page = random.nextInt(layout.size());
    int at = random.nextInt(Layout.PAGE);
    at = random.nextInt(3) == 0 ? at : at & -8;
    // Counts as longer from here on, so it must not be refused; a host may even make it longer, and refuse then.
    boolean grows = write && offset + bytes > file.length;
    if (!isFree(file, page, at, bytes, write, !grows)) {
      return false;
    }
    String address = "0x" + Long.toHexString(layout.address(page) + at);
    actor.line((write ? "write " : "read ") + file.name + " " + offset + " " + address + " " + bytes);
    return true;
  }

  private boolean isFree(RandomFile file, int page, int at, long bytes, boolean write, boolean mayBeRefused) {
    Layout layout = actor.layout;
    int end = layout.spanEnd(page);
    for (long byteAt = at & -8; byteAt < at + bytes; byteAt += 8) {
      int n = page + (int) (byteAt / Layout.PAGE);
      @Nullable Page p = n < end ? layout.page(n) : null;
      boolean refused = p == null || !(write ? p.isReadable() : p.isWritable());
      if (refused) {
        return byteAt == (at & -8) && n < end && mayBeRefused && random.nextInt(5) == 0;
      }
      if (p != null && (p.file == file || !p.isFree((int) (byteAt % Layout.PAGE) / 8, !write, actor.owner))) {
        return false;
      }
    }
    return true;
  }
}
