package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.vm.object.PagerData;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import org.jspecify.annotations.Nullable;

/**
 * A device whose memory can be mapped: a window of frames that the page queues know nothing of.
 *
 * @see DevicePager
 */
public final class Device extends PagerData implements Channel {
  private final String name; // (C)
  private final int number; // (C)
  private final int firstFrame; // (C)
  private final int frames; // (C)
  final KMutex interlock; // (C) LockRank.VNODE_INTERLOCK: what VI is to a vnode

  @GuardedBy("interlock")
  private @Nullable VmObject object;

  Device(SyncDomain domain, String name, int number, int firstFrame, int frames) {
    this.name = name;
    this.number = number;
    this.firstFrame = firstFrame;
    this.frames = frames;
    this.interlock = new KMutex(domain, LockRank.VNODE_INTERLOCK, this);
  }

  @Override
  public int channelNumber() {
    return number * 13 + 5;
  }

  /** Returns the number of pages that can be mapped. */
  public int pages() {
    return frames;
  }

  /** d_mmap: returns the frame behind a page of the device, or -1 if it has no such page. */
  public int frame(long page) {
    return page >= 0 && page < frames ? firstFrame + (int) page : -1;
  }

  boolean overlaps(int first, int n) {
    return first < firstFrame + frames && firstFrame < first + n;
  }

  @GuardedBy("interlock")
  @Nullable VmObject object() {
    return object;
  }

  @GuardedBy("interlock")
  void setObject(@Nullable VmObject o) {
    object = o;
  }

  @Override
  public String toString() {
    return "device " + name;
  }
}
