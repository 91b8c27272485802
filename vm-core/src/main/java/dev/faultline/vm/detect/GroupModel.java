package dev.faultline.vm.detect;

import dev.faultline.hw.PhysicalMemory;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows of memory that address spaces share by inheritance, at the same addresses in each: a page is
 * numbered by its address. It may have been a private mapping of a file when it began to be shared; then pages that
 * nobody stored to are still the file's.
 */
final class GroupModel extends SharedSegment {
  final @Nullable FileModel file; // (C)
  final @Nullable FileView view; // (C)
  private final long fileDelta; // (C) what to add to an address for the offset in the file
  // (A) wirings under way, each of which may copy pages from the file
  private final AtomicInteger copying = new AtomicInteger();
  private final int pageShift; // (C)
  private final int wordsPerPage; // (C)

  GroupModel(ContentOracle oracle, @Nullable FileView view, long fileDelta) {
    super(oracle);
    this.view = view;
    this.file = view == null ? null : view.file;
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
      FileView v = view;
      if (v != null && (p.words == null || p.mayBeFile)) {
        if (a.op == Access.LOAD) {
          return p.words == null ? loadFromFile(a, p, v) : loadEither(a, p, v);
        }
        copyNow(n, p, v, watched || p.windows != 0 || copying.get() != 0);
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
          long got = a.perform(memory);
          loaded(a, p, got);
          store(a, p, a.after(got));
          return got;
        }
      }
    } finally {
      p.unlock();
    }
  }

  private void copyNow(long n, ModelPage p, FileView v, boolean watched) {
    if (p.words == null) {
      v.file.copyPage(fileOffset(n), p, watched, v, p.seen);
    } else {
      p.logEverything(isWatched(p));
      v.file.settleCopy(fileOffset(n), p, watched, v, p.seen, pages.newPage());
    }
  }

  private long loadFromFile(Access a, ModelPage p, FileView v) {
    if (p.windows == 0 && copying.get() == 0) {
      p.seen = v.file.loadPrivately(a, a.va + fileDelta, v, p.seen);
      return a.result;
    }
    long got = oracle.memory().load(a.frame, a.word);
    if (!v.file.allowsCopied(a.va + fileDelta, got, v, p.seen)) {
      oracle.mismatch(a, this + " over " + v, "the file's word, now or since a store began", got, p.writer);
    }
    return got;
  }

  /** A load of a page whose copy may have been made; it may tell. */
  private long loadEither(Access a, ModelPage p, FileView v) {
    long got = oracle.memory().load(a.frame, a.word);
    boolean copied = p.allows(a.word, got, -1L);
    boolean files = v.file.allowsCopied(a.va + fileDelta, got, v, p.seen);
    if (files && !copied && p.windows == 0 && copying.get() == 0) {
      p.logEverything(isWatched(p));
      p.forget();
    } else if (!files) {
      p.mayBeFile = false;
      loaded(a, p, got);
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
      oracle.mismatch(a, toString(), p.text(a.word, -1L), got, p.writer);
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
    boolean open = p.words == null || p.mayBeFile;
    if (open) {
      p.windows++;
    }
    p.unlock();
    return open ? p : null;
  }

  /**
   * Closes a window, {@code lost} if it cannot be told whether the page was copied. The file's page is watched still.
   */
  void closeWindow(long n, ModelPage p, boolean lost) {
    p.lock();
    p.windows--;
    if (lost) {
      mayBeCopied(n, p);
    }
    p.unlock();
  }

  /** The page, whose file's page has been watched, may have been copied since, or not. It is locked. */
  private void mayBeCopied(long n, ModelPage p) {
    FileView v = view;
    if (v == null || (p.words != null && !p.mayBeFile)) {
      return;
    }
    copyNow(n, p, v, true);
    p.mayBeFile = true;
  }

  void wireBegins() {
    copying.getAndIncrement();
  }

  /**
   * Ends {@link #wireBegins}; pages from {@code from} to before {@code to} have been copied from the file, or may have
   * been.
   */
  void wireEnds(long from, long to, boolean done) {
    FileView v = view;
    for (long n = from; n < to && v != null; n++) {
      ModelPage p = pages.getOrMake(n);
      p.lock();
      if (!done) {
        mayBeCopied(n, p);
      } else if (p.words == null || p.mayBeFile) {
        copyNow(n, p, v, true);
      }
      p.unlock();
    }
    copying.getAndDecrement();
  }

  /**
   * Puts what a copy of the group's own pages contains, made at an unknown instant since a watch began, into a space's
   * tree.
   *
   * @param seen receives when pages of the file were seen through the group
   */
  void snapshot(long from, long to, PageTree tree, Map<Long, Long> seen) {
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
          } else if (view != null && (p.windows != 0 || copying.get() != 0)) {
            ModelPage copy = tree.newPage();
            view.file.copyPage(fileOffset(n), copy, true, view, p.seen);
            copy.mayBeFile = true;
            tree.put(n, copy);
          } else if (p.seen != 0) {
            seen.put(n, p.seen);
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
