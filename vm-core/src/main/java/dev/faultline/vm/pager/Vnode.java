package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.object.ChainVnode;
import dev.faultline.vm.object.PagerData;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SleepLock;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceKind;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A file of the volume. It is its object's handle, the private part of its object's pager, and the V of the object's
 * chain.
 *
 * <p>Files are not deleted, so there is no use count: whoever has a vnode may keep it.
 *
 * @see "vm-semantics 5.1 V and VI; vnode.h"
 */
public final class Vnode extends PagerData implements ChainVnode, Channel {
  /*
   * Implementation overview
   *
   * V          sleepable, recursive: length, block map, and every transfer to or from the file is submitted under it.
   * VI         the object, and the size as objectOf sees it; sleepers for a DEAD object wait on this vnode with it
   *            (R28).
   * Short      A page that was cut in its middle by a truncation still has its old bytes on the disk, and one that was
   *            a hole has somebody else's. What is noted here is how many bytes of each chunk count: a pagein zeroes
   *            the rest, a write of a chunk ends its note. So truncation needs no disk, growing again shows zeros, and
   *            a hole can be filled chunk by chunk. Guard: the volume's lock, as completions change notes in interrupt
   *            context.
   */
  static final int CHUNKS = 8;

  private final String name; // (C)
  private final int number; // (C)
  final SleepLock lock; // (C) V
  final KMutex interlock; // (C) VI, LockRank.VNODE_INTERLOCK
  final BlockMap blocks = new BlockMap(); // V
  final TreeSet<Long> promised = new TreeSet<>(); // V: pages that are holes, but have a disk page kept for them
  boolean lost; // V: what could not be written is gone, and nobody has been told
  private volatile long size; // bytes; written under V and VI, read under either

  @GuardedBy("interlock")
  private @Nullable VmObject object;

  @Nullable Map<Long, int[]> shortPages; // the volume's lock; null while there was never one

  Vnode(SyncDomain domain, String name, int number, long size) {
    this.name = name;
    this.number = number;
    this.size = size;
    this.lock = new SleepLock(domain, this, number * 13 + 11);
    this.interlock = new KMutex(domain, LockRank.VNODE_INTERLOCK, this);
    domain.tracer().name(this, "file " + name);
  }

  /** Returns VI. */
  public KMutex interlock() {
    return interlock;
  }

  /** Checks I-51 under VI: a vnode's object stands for it. */
  @SuppressWarnings("GuardedBy") // VI is the caller's
  public @Nullable String checkObjectLocked() {
    assert interlock.isHeld();
    VmObject o = object;
    return o == null || o.handle() == this ? null : "I-51 object of another vnode " + this + " " + o;
  }

  @Override
  public int channelNumber() {
    return number * 13 + 12;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.FILE;
  }

  @Override
  public long traceId() {
    return number;
  }

  @Override
  public WaitClass waitClass() {
    return WaitClass.DEAD_OBJECT;
  }

  public String name() {
    return name;
  }

  /** Returns the length in bytes. Under V or VI, else a snapshot. */
  public long size() {
    return size;
  }

  void setSize(long bytes) {
    assert lock.isHeld();
    assert interlock.isHeld();
    size = bytes;
  }

  @GuardedBy("interlock")
  @Nullable VmObject object() {
    return object;
  }

  @GuardedBy("interlock")
  void setObject(@Nullable VmObject o) {
    object = o;
  }

  /**
   * Notes that of a page on the disk no more than the first {@code bytes} count; fewer than before stay fewer. Caller
   * holds the volume's lock.
   *
   * @param chunk bytes of a chunk
   */
  void cutPage(long page, int bytes, int chunk) {
    if (shortPages == null) {
      shortPages = new HashMap<>();
    }
    int[] good = shortPages.computeIfAbsent(page, p -> {
      int[] whole = new int[CHUNKS];
      Arrays.fill(whole, chunk);
      return whole;
    });
    for (int i = 0; i < CHUNKS; i++) {
      good[i] = Math.min(good[i], Math.max(0, bytes - i * chunk));
    }
  }

  @Override
  public void lock() {
    lock.lock();
  }

  @Override
  public boolean tryLock() {
    return lock.tryLock();
  }

  @Override
  public void unlock() {
    lock.unlock();
  }

  @Override
  public boolean takeLoss() {
    assert lock.isHeld();
    boolean was = lost;
    lost = false;
    return was;
  }

  /** Returns whether the calling thread holds V. For assertions. */
  public boolean isLocked() {
    return lock.isHeld();
  }

  @Override
  public String toString() { // racy, for reports
    return "vnode(" + name + " size=" + size + ")";
  }
}
