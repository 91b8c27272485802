package dev.faultline.vm.pager;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;

/**
 * Pages files. Callers of getPages, putPages, hasPage and {@link #setSize} hold V of the vnode.
 *
 * @see "vm-semantics 3.6, 5.7 vnode object lookup, R27, R28; vnode_pager.c"
 */
public final class VnodePager implements Pager {
  /*
   * Implementation overview
   *
   * V          is held by whoever comes here, so length and block map stand still; it may be let go before an
   *            asynchronous write is done.
   * Writes     turn PG_BUSY into a count of I/Os (busy > 0), as buffers do: FileIo. For who waits the completion turns
   *            it back; else it ends it, in interrupt context (biodone), under O, and gives up the pip of the pages.
   * Let go     O around each transfer. Survive: our busy pages and pip, hence the object; V, hence length and block
   *            map.
   * Truncation waits for busy pages beyond the new end under O (R27), so that no transfer knows a disk page that is
   *            given back.
   * EOF        Bytes past the end are zeroed when a page is read, and before it is written (FileIo). In between, stores
   *            of its mappers live there.
   * Buffers    Truncation and termination have the buffer cache give up the buffers concerned first, so that no page
   *            that is to go is in one; V keeps new ones away.
   * Departures A partially valid page has its invalid chunks read. The original declared it valid as it was. Only its
   *            valid chunks are written.
   * Invariants I-50, I-51.
   */
  private final SyncDomain domain; // (C)
  private final VmObjects objects; // (C)
  private final ResidentPages pages; // (C)
  private final VmPageQueues queues; // (C)
  private final Volume volume; // (C)
  private final FileIo io; // (C)
  private final int pageSize; // (C)
  private final int pageShift; // (C)
  private @Nullable FileBuffers buffers; // (C) once booted
  private @Nullable MemoryWatcher watcher; // (C) once the first process runs

  public VnodePager(VmObjects objects, Volume volume, Set<Defect> defects) {
    this.objects = objects;
    this.domain = objects.domain();
    this.pages = objects.pages();
    this.queues = pages.queues();
    this.volume = volume;
    this.io = new FileIo(objects, volume, defects);
    this.pageSize = objects.pageSize();
    this.pageShift = Integer.numberOfTrailingZeros(pageSize);
  }

  /** Installs the buffer cache, which is a higher package; at boot. Without one there are no buffers. */
  public void setBuffers(FileBuffers b) {
    buffers = b;
  }

  /** Installs who is to know what files have lost; before the first process. */
  public void setWatcher(@Nullable MemoryWatcher w) {
    watcher = w;
  }

  /** Returns what moves the pages of files. */
  public FileIo io() {
    return io;
  }

  /** Returns whether pages are being written that nobody waits for. A snapshot. */
  public boolean isBusy() {
    return io.transfers().writing() != 0;
  }

  /** Returns how many pages of files have been written without anybody waiting. A snapshot. */
  public long pagesWritten() {
    return io.transfers().pagesWritten();
  }

  /** Returns how many pages of files such a write has failed for. A snapshot. */
  public long pagesFailed() {
    return io.transfers().pagesFailed();
  }

  private long roundPage(long bytes) {
    return (bytes + pageSize - 1) & -(long) pageSize;
  }

  private static Vnode vnode(VmObject o) {
    Vnode v = (Vnode) o.pagerData();
    assert v != null;
    return v;
  }

  // ----------------------------------------------------------------------------------------------------------- objects

  /**
   * vnode_pager_alloc: returns the vnode's object with a new reference, the caller's; makes it if there is none. Sleeps
   * while the object there is dies, so the caller holds neither V, which that needs, nor a map lock.
   */
  @SuppressWarnings("GuardedBy") // VI is let go in the sleep
  public VmObject objectOf(Vnode v) {
    v.interlock.lock();
    while (true) {
      VmObject o = v.object(); // read again after each sleep: what was there before is gone (R28)
      if (o == null) {
        o = objects.allocate(ObjectType.VNODE, roundPage(v.size()), v, v, v);
        v.setObject(o);
        v.interlock.unlock();
        return o;
      }
      if (referenceIfLive(o)) {
        v.interlock.unlock();
        return o;
      }
      domain.sleepQueues().sleepOn(v, v.interlock, "vadead");
      v.interlock.lock();
    }
  }

  /** Returns the vnode's object with a new reference, the caller's, if there is one that lives. Never sleeps. */
  public @Nullable VmObject liveObjectOf(Vnode v) {
    v.interlock.lock();
    try {
      VmObject o = v.object();
      return o != null && referenceIfLive(o) ? o : null;
    } finally {
      v.interlock.unlock();
    }
  }

  /** Returns the object module. */
  public VmObjects objects() {
    return objects;
  }

  private static boolean referenceIfLive(VmObject o) {
    o.lock.lock();
    try {
      if (o.isDead()) {
        return false;
      }
      o.referenceLocked();
      return true;
    } finally {
      o.lock.unlock();
    }
  }

  /** The pager keeps nothing for an object: its file stays. */
  @Override
  public void dealloc(VmObject o) {}

  /** Gives up the buffers of a dead object's file; what they had not written has been cleaned as pages. V held. */
  @Override
  public void flushBuffers(VmObject o) {
    if (buffers != null) {
      buffers.invalidate(vnode(o), 0);
    }
  }

  @Override
  public void lost(VmObject o, List<Long> offsets) {
    Vnode v = vnode(o);
    assert v.isLocked();
    v.lost = true;
    MemoryWatcher w = watcher;
    for (long offset : offsets) {
      if (w != null) {
        w.fileLost(v, offset + o.pagingOffset(), pageSize);
      }
    }
  }

  /** Ends the tie between a vnode and its dead object, and wakes who waits for that (5.7 terminate). V held, O not. */
  @Override
  public void detached(VmObject o) {
    Vnode v = vnode(o);
    v.interlock.lock();
    try {
      if (v.object() != o) {
        throw KernelPanic.of("I-51 dead object is not its vnode's", o, v);
      }
      v.setObject(null);
      domain.sleepQueues().wakeup(v);
    } finally {
      v.interlock.unlock();
    }
  }

  /**
   * vnode_pager_uncache: lets the vnode's object end with its last reference, at once if there is none. Caller holds V
   * once, which is let go meanwhile; may sleep long.
   */
  public void uncache(Vnode v) {
    VmObject o;
    v.interlock.lock();
    try {
      o = v.object();
      if (o == null || !referenceIfLive(o)) {
        return;
      }
    } finally {
      v.interlock.unlock();
    }
    v.unlock(); // our reference keeps the object
    o.lock.lock();
    try {
      o.setCanPersist(false);
    } finally {
      o.lock.unlock();
    }
    o.deallocate();
    v.lock();
  }

  // ---------------------------------------------------------------------------------------------------------- has_page

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    Vnode v = vnode(o);
    around.before = 0;
    around.after = 0;
    long index = pagerOffset >> pageShift;
    if (pagerOffset < 0 || pagerOffset >= v.size() || v.blocks.lookup(index) == BlockMap.HOLE) {
      return false;
    }
    around.before = v.blocks.contiguousBefore(index);
    around.after = v.blocks.contiguousAfter(index); // ends with the file: truncation cuts the map, too
    return true;
  }

  /** A file's object is never a partner of a collapse; for others every page within the file counts as the pager's. */
  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return pagerOffset >= 0 && pagerOffset < vnode(o).size();
  }

  // ---------------------------------------------------------------------------------------------------------- getpages

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] ms, int count, int req) {
    Vnode v = vnode(o);
    assert v.isLocked();
    long offset = ms[req].offset() + o.pagingOffset();
    PagerReturn failure = null;
    int place = BlockMap.HOLE;
    if (offset >= v.size()) {
      failure = PagerReturn.BAD;
    } else {
      place = v.blocks.lookup(offset >> pageShift);
      if (place == BlockMap.HOLE) {
        failure = PagerReturn.FAIL;
      }
    }
    if (failure == null && ms[req].valid() == 0) {
      return readRun(o, v, ms, count, req, place);
    }
    o.lock.lock();
    try {
      freeRange(ms, 0, req);
      freeRange(ms, req + 1, count);
    } finally {
      o.lock.unlock();
    }
    return failure != null ? failure : readMissing(o, v, ms[req], place);
  }

  /** Reads the longest run around the requested page that lies in one piece on the disk. */
  private PagerReturn readRun(VmObject o, Vnode v, VmPage[] ms, int count, int req, int place) {
    int first = req;
    int end = req + 1;
    while (first > 0 && continues(o, v, ms[first - 1], place - (req - first + 1))) {
      first--;
    }
    while (end < count && continues(o, v, ms[end], place + (end - req))) {
      end++;
    }
    if (first > 0 || end < count) {
      o.lock.lock();
      try {
        freeRange(ms, 0, first);
        freeRange(ms, end, count);
      } finally {
        o.lock.unlock();
      }
    }
    int n = end - first;
    boolean ok = io.readRun(o, v, ms, first, n, place - (req - first)); // all busy by us and unmapped
    KThread t = KThread.current();
    o.lock.lock();
    try {
      if (!ok) {
        freeRange(ms, first, req);
        freeRange(ms, req + 1, end);
        return PagerReturn.ERROR;
      }
      t.count(Event.VNODEIN);
      t.count(Event.VNODEPGSIN, n);
      for (int i = first; i < end; i++) {
        VmPage m = ms[i];
        m.clearZero();
        m.clearDirty(VmPage.ALL_CHUNKS);
        m.setValid(VmPage.ALL_CHUNKS);
        if (i != req) {
          queues.deactivate(m);
          pages.wakeup(m);
        }
      }
      return PagerReturn.OK;
    } finally {
      o.lock.unlock();
    }
  }

  private boolean continues(VmObject o, Vnode v, VmPage m, int place) {
    long offset = m.offset() + o.pagingOffset();
    return offset >= 0 && offset < v.size() && v.blocks.lookup(offset >> pageShift) == place;
  }

  /**
   * Reads the invalid chunks of a partially valid page; the valid ones, which may be dirty and mapped, stay as they
   * are.
   */
  private PagerReturn readMissing(VmObject o, Vnode v, VmPage m, int place) {
    if (!io.readMissing(o, v, m, place, ~m.valid() & VmPage.ALL_CHUNKS)) {
      return PagerReturn.ERROR;
    }
    KThread t = KThread.current();
    t.count(Event.VNODEIN);
    t.count(Event.VNODEPGSIN);
    o.lock.lock();
    try {
      m.clearZero();
      m.setValid(VmPage.ALL_CHUNKS);
    } finally {
      o.lock.unlock();
    }
    return PagerReturn.OK;
  }

  private void freeRange(VmPage[] ms, int from, int to) {
    for (int i = from; i < to; i++) {
      pages.freeBusy(ms[i]);
    }
  }

  // ---------------------------------------------------------------------------------------------------------- putpages

  @Override
  public void putPages(VmObject o, VmPage[] ms, int count, boolean sync, PagerReturn[] results) {
    Vnode v = vnode(o);
    assert v.isLocked();
    int i = 0;
    while (i < count) {
      int place = io.placeToWrite(o, v, ms[i]);
      if (place == BlockMap.HOLE) {
        results[i] = ms[i].offset() + o.pagingOffset() >= v.size() ? PagerReturn.BAD : PagerReturn.FAIL;
        i++;
        continue;
      }
      int end = i + 1;
      while (end < count && io.placeToWrite(o, v, ms[end]) == place + (end - i)) {
        end++;
      }
      VmPage[] run = Arrays.copyOfRange(ms, i, end);
      io.countOut(run.length);
      if (sync) {
        writeAndWait(o, v, run, results, i);
      } else {
        Arrays.fill(results, i, end, PagerReturn.PEND);
        io.writeAlone(o, v, run);
      }
      i = end;
    }
  }

  /** Writes a run of pages, each alone if that fails: a bad place keeps no neighbour from the disk. */
  private void writeAndWait(VmObject o, Vnode v, VmPage[] run, PagerReturn[] results, int first) {
    boolean ok = io.writeAndWait(o, v, run);
    for (int i = 0; i < run.length; i++) {
      boolean written = ok || (run.length > 1 && io.writeAndWait(o, v, new VmPage[] {run[i]}));
      results[first + i] = written ? PagerReturn.OK : PagerReturn.ERROR;
    }
  }

  // ------------------------------------------------------------------------------------------------ places on the disk

  /**
   * Keeps room on the disk for the pages that the bytes [from, to) of a file lie in, which may be beyond its end. Where
   * they lie is decided when they are written. Caller holds V, and calls {@link #trim} if the file does not become as
   * long in the end. Room for a hole within the file stays the hole's, even if what was to be written fails.
   *
   * @return false if the disk is full
   */
  public boolean reserve(Vnode v, long from, long to) {
    for (long page = from >> pageShift; page <= (to - 1) >> pageShift; page++) {
      if (v.blocks.lookup(page) == BlockMap.HOLE && !v.promised.contains(page)) {
        if (!volume.promise()) {
          return false;
        }
        v.promised.add(page);
      }
    }
    return true;
  }

  /** Gives back the places, and the room that was kept, beyond the end of a file. Caller holds V. */
  public void trim(Vnode v) {
    long firstGone = roundPage(v.size()) >> pageShift;
    volume.forgetCuts(v, firstGone);
    v.blocks.cut(firstGone, volume::free);
    SortedSet<Long> kept = v.promised.tailSet(firstGone);
    if (!kept.isEmpty()) {
      volume.breakPromises(kept.size());
      kept.clear();
    }
  }

  // ----------------------------------------------------------------------------------------------------------- setsize

  /**
   * vnode_pager_setsize: changes the length of a file. Caller holds V; may sleep.
   *
   * <p>Shorter: pages wholly beyond the new end are unmapped and freed, bytes past it in the last page become zero;
   * busy pages are waited for. Longer: what is added reads as zeros.
   *
   * @throws IllegalArgumentException if {@code bytes} is negative or rounds up beyond 2^62
   */
  public void setSize(Vnode v, long bytes) {
    if (bytes < 0 || bytes > 1L << 62) {
      throw new IllegalArgumentException("file " + v.name() + " of " + bytes + " bytes: must be 0 to 2^62");
    }
    assert v.isLocked();
    long old = v.size();
    VmObject o;
    v.interlock.lock();
    try {
      v.setSize(bytes); // who makes the object now makes it with this size
      o = v.object(); // V keeps it, dead or alive: its end needs V
    } finally {
      v.interlock.unlock();
    }
    if (o != null) {
      o.lock.lock();
      try {
        o.setSize(roundPage(bytes));
      } finally {
        o.lock.unlock();
      }
    }
    if (bytes >= old) {
      return;
    }
    long firstGone = roundPage(bytes);
    if (o != null) {
      if (buffers != null) {
        buffers.invalidate(v, bytes); // before the pages go: none of them may be in a buffer (3.3, page_remove)
      }
      objects.ranges().remove(o, firstGone, Long.MAX_VALUE, false);
      zeroResidentTail(o, bytes);
    }
    trim(v);
    int kept = (int) (bytes & (pageSize - 1));
    if (kept != 0 && v.blocks.lookup(bytes >> pageShift) != BlockMap.HOLE) {
      volume.cutPage(v, bytes >> pageShift, kept);
    }
  }

  /** Zeroes what lies past the new end in the last page, if that is resident. Its mappings stay. */
  private void zeroResidentTail(VmObject o, long bytes) {
    int kept = (int) (bytes & (pageSize - 1));
    if (kept == 0) {
      return;
    }
    o.lock.lock();
    while (true) {
      VmPage m = pages.lookup(o, bytes - kept);
      if (m == null) {
        break;
      }
      if (!m.isBusyAnyway()) {
        pages.memory().zeroBytes(m.frame(), kept, pageSize);
        break;
      }
      m.setWanted(); // R27
      domain.sleepQueues().sleepOn(m, o.lock, "vnsize");
      o.lock.lock();
    }
    o.lock.unlock();
  }

  /**
   * Copies what the disk holds of a page of a file. O is held by the caller; V is tried, which keeps length and place.
   *
   * @return how many of the bytes are the file's, or -1 if V is not to be had
   */
  public int peek(VmObject o, long pagerOffset, long[] words) {
    Vnode v = vnode(o);
    if (!v.tryLock()) {
      return -1;
    }
    try {
      volume.diskPage(v, pagerOffset, words);
      return (int) Math.max(0, Math.min(v.size() - pagerOffset, pageSize));
    } finally {
      v.unlock();
    }
  }

  // -------------------------------------------------------------------------------------------------------- invariants

  /**
   * Checks I-50 and I-51, and that no disk page belongs to two files. All threads are outside the kernel and the disk
   * is idle.
   *
   * @throws KernelPanic with a message that begins with the number of what does not hold
   */
  public void checkInvariants() {
    volume.checkInvariants();
    volume.forEach(this::checkVnode);
    objects.forEach(
        o -> {
          if (o.type() == ObjectType.VNODE) {
            checkObject(o);
          }
        });
    if (io.transfers().inUse() != 0 || isBusy()) {
      throw KernelPanic.of(
          "I-46 transfers in use: " + io.transfers().inUse() + ", writes: " + io.transfers().writing());
    }
  }

  private void checkVnode(Vnode v) {
    v.interlock.lock();
    try {
      VmObject o = v.object();
      if (o != null && o.handle() != v) {
        throw KernelPanic.of("I-51 object of another vnode", v, o);
      }
    } finally {
      v.interlock.unlock();
    }
  }

  @SuppressWarnings("GuardedBy") // quiescent; VI ranks before OL, under which this runs
  private void checkObject(VmObject o) {
    Vnode v = vnode(o);
    if (!o.isDead() && v.object() != o) {
      throw KernelPanic.of("I-51 object is not its vnode's", o, v);
    }
    long end = roundPage(v.size());
    if (o.size() != end) {
      throw KernelPanic.of("I-50 object's size is not its file's", o, v);
    }
    for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
      if (m.offset() >= end && !m.isBusyAnyway()) {
        throw KernelPanic.of("I-50 page beyond the end of the file", m, v);
      }
    }
  }

  @Override
  public String toString() {
    return "vnode pager";
  }
}
