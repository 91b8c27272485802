package dev.faultline.stress.jcstress;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.MmuOptions;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The lower half of a kernel, new for every sample: a machine of two processors, locks and sleep queues, pages,
 * objects, mappings. No pagers, no processes and no page daemon, whose wakeups go nowhere.
 */
final class PageWorld {
  /** Bytes of a page. */
  static final int PAGE = 64;

  /** Frames: the free count begins here. */
  static final int FRAMES = 8;

  private static final MachineConfig MACHINE = machine(MmuOptions.NONE);
  private static final MachineConfig SLOPPY = machine(MmuOptions.NONE.withSloppyDirty(true));

  /** Memory is short from the first allocation on: free_reserved is 6, free_min 7. */
  static final Thresholds SHORT = new Thresholds(0, 5, FRAMES - 2, FRAMES - 1, FRAMES, 0, 0, 2, 2);

  private static final Thresholds PLENTY = new Thresholds(0, 0, 1, 2, 3, 0, 0, 2, FRAMES);
  private static final int SLEEP_BUCKETS = 4;

  final Machine machine;
  final SyncDomain domain;
  final ResidentPages pages;
  final PmapModule pmaps;
  final VmObjects objects;

  /** Makes a world with plenty of memory; the calling thread becomes a kernel thread of it. */
  PageWorld(Mode mode) {
    this(mode, false, null, PLENTY);
  }

  /**
   * Makes a world.
   *
   * @param sloppyDirty HW7: the first store through a TLB entry sets M whatever the page table says by then
   * @param defect what deviates from the correct kernel, or null
   */
  PageWorld(Mode mode, boolean sloppyDirty, @Nullable Defect defect, Thresholds thresholds) {
    Set<Defect> defects = defect == null ? EnumSet.noneOf(Defect.class) : EnumSet.of(defect);
    machine = new Machine(sloppyDirty ? SLOPPY : MACHINE, Actors.POOL);
    domain = new SyncDomain(mode, Actors.POOL, machine.clock(), false, SLEEP_BUCKETS, Event.count());
    enter();
    pages = new ResidentPages(domain, machine.memory(), thresholds, false, 0);
    pmaps = new PmapModule(domain, machine, pages, defects);
    pages.setMappings(pmaps);
    objects = new VmObjects(domain, pages, 0, defects);
  }

  static MachineConfig machine(MmuOptions mmu) {
    return MachineConfig.builder().frames(FRAMES).pageSize(PAGE).tlbEntries(4).diskBlocks(0).mmu(mmu).build();
  }

  /** Makes the calling thread a kernel thread of this world. */
  KThread enter() {
    return Actors.enter(domain);
  }

  /** Returns a new anonymous object of so many pages, with one reference. */
  VmObject object(int pageCount) {
    return objects.allocate(ObjectType.DEFAULT, (long) pageCount * PAGE);
  }

  /** Returns a new page at {@code offset} of {@code o}: wholly valid, clean, idle, active. */
  VmPage page(VmObject o, long offset) {
    o.lock.lock();
    VmPage m = busyPage(o, offset);
    pages.queues().activate(m);
    pages.wakeup(m);
    o.lock.unlock();
    return m;
  }

  /** Returns a new page that the caller owns busy: wholly valid, on no queue. Caller holds O. */
  VmPage busyPage(VmObject o, long offset) {
    VmPage m = pages.alloc(o, offset, AllocClass.INTERRUPT);
    if (m == null) {
      throw new IllegalStateException("no free frame");
    }
    m.setValid(VmPage.ALL_CHUNKS);
    return m;
  }

  /** Loads a word on a processor, as user code would; -1 if that traps. */
  static long load(Cpu cpu, long va) {
    cpu.clearTrap();
    long v = cpu.load(va);
    return cpu.trap() == Cpu.NONE ? v : -1;
  }

  /** Stores a word on a processor, as user code would; returns whether it went through. */
  static boolean store(Cpu cpu, long va, long v) {
    cpu.clearTrap();
    cpu.store(va, v);
    return cpu.trap() == Cpu.NONE;
  }
}
