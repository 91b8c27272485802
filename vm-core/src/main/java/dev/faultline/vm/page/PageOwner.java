package dev.faultline.vm.page;

import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SubOrdered;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.sync.WaitClass;
import dev.faultline.vm.trace.TraceKind;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What pages belong to: the part of a VM object that the page package needs. Its lock is O(object). */
public abstract class PageOwner implements Channel, SubOrdered {
  /** O(this), rank 30. Made here so that {@code page.object.lock} can be spelled wherever a page is at hand. */
  public final KMutex lock;

  private final int id; // (C)
  private final @Nullable Holders holders; // (C) null where the ownership registry is off
  @Nullable VmPage memqHead; // (O) resident pages in order of insertion
  @Nullable VmPage memqTail; // (O)
  int residentPageCount; // (O) I-10

  protected PageOwner(SyncDomain domain, int id) {
    this.id = id;
    this.lock = new KMutex(domain, LockRank.OBJECT, this);
    this.holders = domain.holdersOf(this);
  }

  /** Returns the number of this owner, in order of creation. */
  public final int id() {
    return id;
  }

  @Override
  public final int channelNumber() {
    return id * 31 + 7;
  }

  @Override
  public final TraceKind traceKind() {
    return TraceKind.OBJECT;
  }

  @Override
  public final long traceId() {
    return id;
  }

  /** Returns who holds pip and temporary references; null where the ownership registry is off. */
  public final @Nullable Holders holders() {
    return holders;
  }

  @Override
  public final WaitClass waitClass() {
    return WaitClass.PIP;
  }

  @Override
  public final void forEachHolder(Consumer<Object> visitor) {
    Holders h = holders;
    if (h != null) {
      h.forEachHolder(HoldKind.PIP, visitor);
    }
  }

  /** Returns the number of resident pages. Caller holds O, or takes it as a hint. */
  public final int residentPageCount() {
    return residentPageCount;
  }

  /** Returns the first resident page, or null. Caller holds O. */
  public final @Nullable VmPage firstPage() {
    return memqHead;
  }
}
