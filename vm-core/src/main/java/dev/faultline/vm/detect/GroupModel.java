package dev.faultline.vm.detect;

import dev.faultline.hw.PhysicalMemory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows of memory that address spaces share by inheritance, at the same addresses in each: a page is
 * numbered by its address. It may have been a private mapping of a file when it began to be shared; then pages that
 * nobody stored to are still the file's.
 */
final class GroupModel extends SharedSegment {
  final @Nullable FileModel file; // (C)
  private final long fileDelta; // (C) what to add to an address for the offset in the file
  // (A) wirings under way, each of which may copy pages from the file
  private final AtomicInteger copying = new AtomicInteger();
  private final int pageShift; // (C)
  private final int wordsPerPage; // (C)

  GroupModel(ContentOracle oracle, @Nullable FileModel file, long fileDelta) {
    super(oracle);
    this.file = file;
    this.fileDelta = fileDelta;
    this.pageShift = oracle.memory().pageShift();
    this.wordsPerPage = oracle.memory().wordsPerPage();
  }

  private long fileOffset(long n) {
    return (n << pageShift) + fileDelta;
  }

  /**
   * Makes an access.
   *
   * @param watched whether a store has been announced, so that the file's page is watched
   */
  long access(Access a, boolean watched) {
    PhysicalMemory memory = oracle.memory();
    long n = a.va >>> pageShift;
    ModelPage p = pages.getOrMake(n);
    p.lock();
    try {
      if (p.words == null && file != null) {
        if (a.op == Access.LOAD) {
          return loadFromFile(a, p, file);
        }
        file.copyPage(fileOffset(n), p, watched || p.windows != 0 || copying.get() != 0);
      }
      switch (a.op) {
        case Access.LOAD -> {
          long got = memory.load(a.frame, a.word);
          loaded(a, p, got);
          return got;
        }
        case Access.STORE -> {
          store(a, p, a.value);
          memory.store(a.frame, a.word, a.value);
          return 0;
        }
        default -> {
          long got = memory.getAndAdd(a.frame, a.word, a.value);
          loaded(a, p, got);
          store(a, p, got + a.value);
          return got;
        }
      }
    } finally {
      p.unlock();
    }
  }

  private long loadFromFile(Access a, ModelPage p, FileModel f) {
    if (p.windows == 0 && copying.get() == 0) {
      return f.access(a, a.va + fileDelta);
    }
    long got = oracle.memory().load(a.frame, a.word);
    if (!f.allowsCopied(a.va + fileDelta, got)) {
      oracle.mismatch(a, this + " over " + f, "the file's word, now or since a store began", got, p.writer);
    }
    return got;
  }

  private void loaded(Access a, ModelPage p, long got) {
    if (p.words == null) {
      if (got == 0) {
        return;
      }
      p.words(wordsPerPage, null);
    } else if (got == p.words[a.word] && !p.isDoubtful(a.word)) {
      return;
    }
    assert p.words != null;
    if (!p.allows(a.word, got, -1L)) {
      oracle.mismatch(a, toString(), ModelPage.text(p.words[a.word], p.doubts == null ? null : p.doubts[a.word], -1L),
          got, p.writer);
    }
    p.log(a.word, -1L, isWatched(p));
    p.pin(a.word, got);
  }

  private void store(Access a, ModelPage p, long value) {
    p.words(wordsPerPage, null);
    p.log(a.word, -1L, isWatched(p));
    p.set(a.word, value);
    p.writer = a.pid();
  }

  // ------------------------------------------------------------------------------------------------- copies of the
  // file

  /**
   * Opens a window: a sharer's store has trapped, and the page may be copied from now on.
   *
   * @return the page, or null if it is the group's own already
   */
  @Nullable ModelPage openWindow(long n) {
    ModelPage p = pages.getOrMake(n);
    p.lock();
    boolean open = p.words == null;
    if (open) {
      p.windows++;
    }
    p.unlock();
    return open ? p : null;
  }

  /** Closes a window, {@code lost} if it cannot be told whether the page was copied. */
  void closeWindow(ModelPage p, boolean lost) {
    p.lock();
    p.windows--;
    if (lost && p.words == null) {
      p.loseAll(wordsPerPage);
    }
    p.unlock();
  }

  void wireBegins() {
    copying.getAndIncrement();
  }

  /**
   * Ends {@link #wireBegins}; pages from {@code from} to before {@code to} have been copied from the file, or may have
   * been.
   */
  void wireEnds(long from, long to, boolean done) {
    FileModel f = file;
    for (long n = from; n < to && f != null; n++) {
      ModelPage p = pages.getOrMake(n);
      p.lock();
      if (p.words == null) {
        if (done) {
          f.copyPage(fileOffset(n), p, true);
        } else {
          p.loseAll(wordsPerPage);
        }
      }
      p.unlock();
    }
    copying.getAndDecrement();
  }

  /**
   * Puts what a copy of the group's own pages contains, made at an unknown instant since a watch began, into a space's
   * tree.
   */
  void snapshot(long from, long to, PageTree tree) {
    pages.forEach(
        from,
        to,
        (n, p) -> {
          p.lock();
          isWatched(p); // the log is of the present watch
          if (p.words != null) {
            ModelPage copy = tree.newPage();
            p.copyLogged(copy, p.words.clone());
            tree.put(n, copy);
          } else if (file != null && (p.windows != 0 || copying.get() != 0)) {
            ModelPage copy = tree.newPage();
            copy.loseAll(wordsPerPage);
            tree.put(n, copy);
          }
          p.unlock();
        });
  }

  /** Data of a page was lost. */
  void lost(long n) {
    ModelPage p = pages.getOrMake(n);
    p.lock();
    p.logEverything(isWatched(p));
    p.loseAll(wordsPerPage);
    p.unlock();
  }

  @Override
  public String toString() {
    return "memory shared by inheritance";
  }
}
