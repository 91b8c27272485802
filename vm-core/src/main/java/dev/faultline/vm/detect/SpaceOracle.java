package dev.faultline.vm.detect;

import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.SpaceWatcher;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows of one address space: what is mapped where with which rights, and what each word of it may
 * contain.
 *
 * <p>Used by one thread at a time, the one that runs in the space.
 */
final class SpaceOracle implements SpaceWatcher {
  /*
   * Implementation overview
   *
   * Private      Pages by address in a tree of the space's own; a fork copies the tree, which is its snapshot. A
   *              private mapping of a file has no page there until it is copied: till then a load finds the file's word
   *              of the moment.
   * Copying      The kernel copies such a page at some instant between the trap of the store and the store. The trap
   *              opens a window, during which the file's page logs what changes; the store closes it and makes the copy
   *              of the present and the logged values. One window a space, as one access is under way at a time. Most
   *              of what changes ranges or pages closes it first, which is why all of that is in one class.
   * Shared       Group and file pages: GroupModel, FileModel, each page under a lock of its own.
   */
  private final ContentOracle oracle; // (C)
  private final int pid; // (C)
  private final int pageShift; // (C)
  private final int wordsPerPage; // (C)
  private final Access access; // (T)
  private final TreeMap<Long, MappedRange> ranges = new TreeMap<>(); // (T) by start
  private PageTree pages = new PageTree(); // (T)
  private long judged; // (T) accesses

  private @Nullable MappedRange lastRange; // (T) found last
  private long lastNumber = -1; // (T) number of the private page found last
  private @Nullable ModelPage lastPage; // (T)

  private long pendingNumber = -1; // (T) page whose store has trapped and may be copied; -1 for none
  private @Nullable FileModel pendingFile; // (T)
  private @Nullable ModelPage pendingFilePage; // (T) watched
  private @Nullable GroupModel pendingGroup; // (T)
  private @Nullable ModelPage pendingGroupPage; // (T)

  private final List<MappedRange> watched = new ArrayList<>(0); // (T) of a wiring or a fork under way

  // (T) by page, not copied yet, where the file may have had a hole: its tick when the page was last not zeros
  private final Map<Long, Long> seen = new HashMap<>(0);

  SpaceOracle(ContentOracle oracle, int pid) {
    this.oracle = oracle;
    this.pid = pid;
    this.pageShift = oracle.memory().pageShift();
    this.wordsPerPage = oracle.memory().wordsPerPage();
    this.access = new Access(pid);
  }

  int pid() {
    return pid;
  }

  Access access() {
    return access;
  }

  /** Returns how many accesses were judged since the space was last empty. */
  long judged() {
    return judged;
  }

  // --------------------------------------------------------------------------------------------------------- accesses

  /** Makes and judges the access that {@link #access} describes. */
  long perform(Access a) {
    judged++;
    MappedRange r = range(a.va);
    if (r == null) {
      oracle.forbidden(a, "nothing is mapped there");
      return a.perform(oracle.memory());
    }
    if (!r.allows(a.op != Access.LOAD)) {
      oracle.forbidden(a, r.toString());
    }
    MappedRange.Window w = r.window;
    if (w != null) {
      return w.uncertain ? w.file.uncertainAccess(a, a.va + r.fileDelta) : w.file.access(a, a.va + r.fileDelta);
    }
    GroupModel g = r.group;
    if (g != null) {
      boolean pending = pendingNumber == a.va >>> pageShift;
      long v = g.access(a, pending);
      if (pending && a.op != Access.LOAD) {
        closeWindow(false);
      }
      return v;
    }
    return performPrivate(a, r);
  }

  private long performPrivate(Access a, MappedRange r) {
    PhysicalMemory memory = oracle.memory();
    long n = a.va >>> pageShift;
    ModelPage p = page(n);
    FileView v = r.file;
    if (v != null && (p == null || p.mayBeFile)) {
      if (a.op != Access.LOAD) {
        p = copied(n, p, v, r.fileDelta);
      } else {
        if (pendingNumber == n) {
          closeWindow(true); // the store was given up, and the page may have been copied or not
          p = page(n);
        }
        if (p == null) {
          return loadFromFile(a, n, v, a.va + r.fileDelta);
        }
        if (p.mayBeFile) {
          return loadEither(a, n, p, v, a.va + r.fileDelta);
        }
      }
    }
    if (a.op == Access.LOAD) {
      long got = memory.load(a.frame, a.word);
      loaded(a, n, p, got);
      return got;
    }
    if (a.op == Access.STORE) {
      memory.store(a.frame, a.word, a.value);
      stored(n, p, a.word, a.value);
      return 0;
    }
    long got = a.perform(memory);
    loaded(a, n, p, got);
    stored(n, page(n), a.word, a.after(got));
    return got;
  }

  private long loadFromFile(Access a, long n, FileView v, long offset) {
    long before = seen(n);
    long now = v.file.loadPrivately(a, offset, v, before);
    if (now != before) {
      seen.put(n, now);
    }
    return a.result;
  }

  private long seen(long n) {
    return seen.isEmpty() ? 0 : seen.getOrDefault(n, 0L);
  }

  /** A load of a page whose copy may have been made; it may tell. */
  private long loadEither(Access a, long n, ModelPage p, FileView v, long offset) {
    long got = oracle.memory().load(a.frame, a.word);
    boolean copied = p.allows(a.word, got, -1L);
    boolean files = v.file.allowsCopied(offset, got, v, seen(n));
    if (files && !copied) {
      pages.clear(n, n + 1);
      forgetLast();
    } else if (!files) {
      ModelPage mine = own(n, p);
      mine.mayBeFile = false;
      loaded(a, n, mine, got);
    }
    return got;
  }

  /**
   * Returns the private copy that a store makes of a file's page.
   *
   * @param old what may have been copied before; null for nothing
   */
  private ModelPage copied(long n, @Nullable ModelPage old, FileView v, long delta) {
    long offset = (n << pageShift) + delta;
    boolean watched = pendingNumber == n;
    ModelPage p;
    if (old == null) {
      p = pages.newPage();
      v.file.copyPage(offset, p, watched, v, seen(n));
      put(n, p);
    } else {
      p = own(n, old);
      v.file.settleCopy(offset, p, watched, v, seen(n), pages.newPage());
    }
    if (watched) {
      closeWindow(false);
    }
    return p;
  }

  /** The page, whose file's page has been watched, may have been copied since, or not. */
  private void mayBeCopied(long n, FileView v, long delta) {
    ModelPage p = page(n);
    if (p != null && !p.mayBeFile) {
      return;
    }
    long offset = (n << pageShift) + delta;
    if (p == null) {
      p = pages.newPage();
      v.file.copyPage(offset, p, true, v, seen(n));
      put(n, p);
    } else {
      p = own(n, p);
      v.file.settleCopy(offset, p, true, v, seen(n), pages.newPage());
    }
    p.mayBeFile = true;
  }

  private void loaded(Access a, long n, @Nullable ModelPage p, long got) {
    if (p == null) {
      if (got != 0) {
        oracle.mismatch(a, "private zero-filled memory, never stored to", "0x0", got, 0);
        own(n, null).set(a.word, got);
      }
      return;
    }
    assert p.words != null;
    if (got == p.words[a.word] && !p.isDoubtful(a.word)) {
      return;
    }
    if (!p.allows(a.word, got, -1L)) {
      oracle.mismatch(a, "private memory", p.text(a.word, -1L), got, p.writer);
    }
    own(n, p).pin(a.word, got);
  }

  private @Nullable ModelPage page(long n) {
    if (n != lastNumber) {
      lastPage = pages.get(n);
      lastNumber = n;
    }
    return lastPage;
  }

  private void put(long n, ModelPage p) {
    pages.put(n, p);
    lastNumber = n;
    lastPage = p;
  }

  /** Returns a page that may be changed and has words. */
  private ModelPage own(long n, @Nullable ModelPage p) {
    ModelPage mine = p;
    if (mine == null) {
      mine = pages.newPage();
    } else if (!pages.owns(mine)) {
      mine = mine.copyFor(pages);
    }
    if (mine != p) {
      put(n, mine);
    }
    mine.words(wordsPerPage, null);
    return mine;
  }

  private void stored(long n, @Nullable ModelPage p, int word, long value) {
    ModelPage mine = own(n, p);
    mine.set(word, value);
    mine.writer = pid;
  }

  // ------------------------------------------------------------------------------------------------------------ ranges

  private @Nullable MappedRange range(long va) {
    MappedRange r = lastRange;
    if (r == null || va < r.start || va >= r.end) {
      Map.Entry<Long, MappedRange> e = ranges.floorEntry(va);
      r = e == null || va >= e.getValue().end ? null : e.getValue();
      lastRange = r;
    }
    return r;
  }

  /** Cuts the range that contains {@code va}, if it does not begin there. */
  private void splitAt(long va) {
    MappedRange r = range(va);
    if (r != null && r.start != va) {
      ranges.put(va, r.like(va, r.end));
      r.end = va;
    }
  }

  /** Returns the ranges of [start, start + length), cut to it; they may be changed and removed. */
  private List<MappedRange> cut(long start, long length) {
    splitAt(start);
    splitAt(start + length);
    return new ArrayList<>(ranges.subMap(start, start + length).values());
  }

  private void replace(MappedRange r) {
    if (ranges.isEmpty()) {
      oracle.begins(this);
    }
    unmapped(r.start, r.end - r.start);
    ranges.put(r.start, r);
  }

  @Override
  public void mappedAnonymous(long start, long length, int prot, boolean shared) {
    replace(new MappedRange(start, start + length, prot, shared ? Inheritance.SHARE : Inheritance.COPY));
  }

  @Override
  public void mappedFile(long start, long length, int prot, boolean shared, Object file, long offset) {
    FileModel f = oracle.file(file);
    MappedRange r = new MappedRange(start, start + length, prot, shared ? Inheritance.SHARE : Inheritance.COPY);
    r.fileDelta = offset - start;
    if (shared) {
      r.window = new MappedRange.Window(f);
    } else {
      r.file = new FileView(f);
    }
    replace(r);
  }

  @Override
  public void unmapped(long start, long length) {
    settleWindow(start, length);
    for (MappedRange r : cut(start, length)) {
      ranges.remove(r.start);
    }
    pages.clear(start >>> pageShift, (start + length) >>> pageShift);
    if (!seen.isEmpty()) {
      seen.keySet().removeIf(n -> n >= start >>> pageShift && n < (start + length) >>> pageShift);
    }
    forgetLast();
  }

  private void forgetLast() {
    lastRange = null;
    lastPage = null;
    lastNumber = -1;
  }

  @Override
  public void protectionSet(long start, long length, int prot) {
    cut(start, length).forEach(r -> r.prot = prot);
  }

  @Override
  public void inheritanceSet(long start, long length, Inheritance how) {
    cut(start, length).forEach(r -> r.inheritance = how);
  }

  @Override
  public void dropped() {
    closeWindow(true);
    ranges.clear();
    pages = new PageTree();
    seen.clear();
    forgetLast();
    oracle.ends(this, judged);
    judged = 0;
  }

  // --------------------------------------------------------------------------------------------- stores and refusals

  @Override
  public void storeTrapped(long va) {
    long n = va >>> pageShift;
    if (n == pendingNumber) {
      return;
    }
    closeWindow(true);
    MappedRange r = range(va);
    if (r == null || !r.allows(true) || r.window != null) {
      return;
    }
    GroupModel g = r.group;
    FileModel f = r.fileBehind();
    if (f == null) {
      return;
    }
    if (g != null) {
      ModelPage p = g.openWindow(n);
      if (p == null) {
        return;
      }
      pendingGroup = g;
      pendingGroupPage = p;
    } else {
      ModelPage p = page(n);
      if (p != null && !p.mayBeFile) {
        return;
      }
    }
    ModelPage filePage = f.page((n << pageShift) + r.fileDelta);
    f.beginWatch(filePage);
    pendingFile = f;
    pendingFilePage = filePage;
    pendingNumber = n;
  }

  /**
   * Closes the window, if one is open; {@code lost} if the store was not made and the page may have been copied or not.
   */
  private void closeWindow(boolean lost) {
    if (pendingNumber < 0) {
      return;
    }
    long n = pendingNumber;
    pendingNumber = -1;
    if (pendingGroup != null && pendingGroupPage != null) {
      pendingGroup.closeWindow(n, pendingGroupPage, lost);
    } else if (lost) {
      MappedRange r = range(n << pageShift);
      if (r != null && r.file != null) {
        mayBeCopied(n, r.file, r.fileDelta);
      }
    }
    if (pendingFile != null && pendingFilePage != null) {
      pendingFile.endWatch(pendingFilePage);
    }
    pendingFile = null;
    pendingFilePage = null;
    pendingGroup = null;
    pendingGroupPage = null;
  }

  /** Closes a window that is open on a page of a range which goes. */
  private void settleWindow(long start, long length) {
    if (pendingNumber >= start >>> pageShift && pendingNumber < (start + length) >>> pageShift) {
      closeWindow(true);
    }
  }

  @Override
  public void refused(long va, boolean store, KernReturn why, boolean excused) {
    boolean bySpace = why == KernReturn.PROTECTION_FAILURE || why == KernReturn.INVALID_ADDRESS;
    closeWindow(!bySpace); // the handler refuses so before it copies
    if (!bySpace || excused) {
      return;
    }
    MappedRange r = range(va);
    if (r == null || !r.allows(store)) {
      return;
    }
    long offset = (va & -(1L << pageShift)) + r.fileDelta;
    FileModel f = r.fileBehind();
    if (f != null && !isCopied(r, va >>> pageShift) && !f.wasAlwaysWithin(offset)) {
      return;
    }
    oracle.refusedWrongly(pid, va, store, why, r);
  }

  /**
   * Returns whether a page of a file is this space's own by now, for certain. Of a group's page nobody can tell: it may
   * have been copied between the refusal and now.
   */
  private boolean isCopied(MappedRange r, long n) {
    ModelPage p = r.isPrivate() ? page(n) : null;
    return p != null && !p.mayBeFile;
  }

  @Override
  public void lost(long start, long length) {
    for (MappedRange r : cut(start, length)) {
      if (r.window != null) {
        r.window.file.lost(r.start + r.fileDelta, r.end - r.start);
        continue;
      }
      for (long n = r.start >>> pageShift; n < r.end >>> pageShift; n++) {
        if (r.group != null) {
          r.group.lost(n);
        } else {
          ModelPage p = pages.newPage();
          p.loseAll(wordsPerPage);
          put(n, p);
        }
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------------- wiring

  @Override
  public void wireBegins(long start, long length) {
    closeWindow(true);
    for (MappedRange r : cut(start, length)) {
      FileModel f = r.fileBehind();
      if (r.window == null && f != null && r.allows(true)) {
        f.beginWatch((r.start + r.fileDelta) >>> pageShift, (r.end + r.fileDelta) >>> pageShift);
        if (r.group != null) {
          r.group.wireBegins();
        }
        watched.add(r);
      }
    }
  }

  @Override
  public void wireEnds(long start, long length, boolean done) {
    for (MappedRange r : watched) {
      long from = r.start >>> pageShift;
      long to = r.end >>> pageShift;
      FileModel f = r.fileBehind();
      if (r.group != null) {
        r.group.wireEnds(from, to, done);
      } else {
        FileView v = r.file;
        for (long n = from; n < to && v != null; n++) {
          mayBeCopied(n, v, r.fileDelta);
          ModelPage p = page(n);
          if (p != null && done && p.mayBeFile) {
            p.mayBeFile = false;
          }
        }
      }
      if (f != null) {
        f.endWatch();
      }
    }
    watched.clear();
  }

  // ------------------------------------------------------------------------------------------------------------- fork

  @Override
  public void forkBegins() {
    closeWindow(true);
    for (MappedRange r : ranges.values()) {
      if (r.inheritance == Inheritance.COPY) {
        if (r.group != null) {
          r.group.beginWatch(r.start >>> pageShift, r.end >>> pageShift);
          watched.add(r);
        } else if (r.window != null) {
          r.window.uncertain = true;
        }
      }
    }
  }

  @Override
  public void forkFailed() {
    endForkWatch();
  }

  private void endForkWatch() {
    for (MappedRange r : watched) {
      if (r.group != null) {
        r.group.endWatch();
      }
    }
    watched.clear();
  }

  @Override
  public SpaceWatcher forked(int childPid) {
    for (MappedRange r : ranges.values()) {
      if (r.inheritance == Inheritance.SHARE && r.isPrivate()) {
        share(r);
      }
    }
    SpaceOracle child = new SpaceOracle(oracle, childPid);
    child.pages = pages.copy();
    child.seen.putAll(seen);
    for (MappedRange r : ranges.values()) {
      long from = r.start >>> pageShift;
      long to = r.end >>> pageShift;
      switch (r.inheritance) {
        case NONE -> {
          child.pages.clear(from, to);
          child.seen.keySet().removeIf(n -> n >= from && n < to);
        }
        case SHARE -> child.ranges.put(r.start, r.like(r.start, r.end));
        case COPY -> {
          MappedRange c = r.like(r.start, r.end);
          if (r.group != null) {
            c.group = null;
            c.file = r.group.view;
            r.group.snapshot(from, to, child.pages, child.seen);
          }
          child.ranges.put(c.start, c);
        }
      }
    }
    endForkWatch();
    forgetLast();
    oracle.begins(child);
    return child;
  }

  /** Turns a private range into memory that is shared by inheritance from now on. */
  private void share(MappedRange r) {
    GroupModel g = new GroupModel(oracle, r.file, r.fileDelta);
    long from = r.start >>> pageShift;
    long to = r.end >>> pageShift;
    pages.forEach(from, to, (n, p) -> g.pages.put(n, p.copyFor(g.pages)));
    pages.clear(from, to);
    seen.forEach(
        (n, tick) -> {
          if (n >= from && n < to) {
            g.pages.getOrMake(n).seen = tick;
          }
        });
    seen.keySet().removeIf(n -> n >= from && n < to);
    r.group = g;
    r.file = null;
  }

  // ----------------------------------------------------------------------------------------------------------- verify

  /**
   * Compares every page that is known here, or kept by the kernel, with what the kernel has. Returns how many were
   * compared.
   */
  int verify(PageReader reader) {
    int compared = 0;
    long[] words = new long[wordsPerPage];
    for (MappedRange r : ranges.values()) {
      TreeSet<Long> numbers = new TreeSet<>();
      long from = r.start >>> pageShift;
      long to = r.end >>> pageShift;
      reader.forEachKept(r.start, r.end, va -> numbers.add(va >>> pageShift));
      (r.group != null ? r.group.pages : pages).forEach(from, to, (n, p) -> numbers.add(n));
      FileModel f = r.fileBehind();
      if (f != null) {
        long delta = r.fileDelta >> pageShift;
        f.pages.forEach(from + delta, to + delta, (n, p) -> numbers.add(n - delta));
      }
      if (r.window != null && r.window.uncertain) {
        continue;
      }
      for (long n : numbers) {
        if (reader.read(n << pageShift, words)) {
          compared++;
          compare(r, n, words);
        }
      }
    }
    return compared;
  }

  private void compare(MappedRange r, long n, long[] words) {
    FileModel f = r.fileBehind();
    FileView v = r.group != null ? r.group.view : r.file;
    ModelPage p = r.window != null ? null : r.group != null ? r.group.pages.get(n) : pages.get(n);
    for (int w = 0; w < wordsPerPage; w++) {
      long va = (n << pageShift) + 8L * w;
      String expected = null;
      boolean files = false;
      if (f != null && (p == null || p.words == null || p.mayBeFile)) {
        long when = r.group == null ? seen(n) : p == null ? 0 : p.seen;
        files = v == null ? f.allows(va + r.fileDelta, words[w]) : f.allowsCopied(va + r.fileDelta, words[w], v, when);
      }
      if (p != null && p.words != null) {
        if (!files && !p.allows(w, words[w], -1L)) {
          expected = p.text(w, -1L);
        }
      } else if (f != null) {
        expected = files ? null : "the file's word";
      } else if (words[w] != 0) {
        expected = "0x0";
      }
      if (expected != null) {
        oracle.wrongAtRest(pid, va, r.toString(), expected, words[w]);
        return; // one a page
      }
    }
  }

  @Override
  public String toString() {
    return "oracle of pid " + pid + " " + ranges.values();
  }
}
