package dev.faultline.vm.pmap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.bed.SteppedStrands;
import dev.faultline.vm.page.PageOwner;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A machine with pages of one owner and pmaps, and no kernel above them. The calling thread is a kernel thread until
 * it is closed.
 */
final class PmapWorld implements AutoCloseable {
  static final int PAGE = 64;
  static final int FRAMES = 32;

  final Machine machine;
  final SyncDomain domain;
  final ResidentPages pages;
  final PmapModule pmaps;
  final PageOwner owner;
  final Strands strands;
  private final KThread main;
  private @Nullable KThread second;
  private int allocated;

  private static final class Owner extends PageOwner {
    Owner(SyncDomain domain) {
      super(domain, 1);
    }

    @Override
    public boolean mayFollow(Object held) {
      return false;
    }
  }

  PmapWorld(Mode mode, Defect... defects) {
    this(mode, new ThreadStrands(), MmuOptions.NONE, defects);
  }

  PmapWorld(Mode mode, Strands strands, MmuOptions mmu, Defect... defects) {
    this.strands = strands;
    MachineConfig config =
        MachineConfig.builder()
            .cpus(3)
            .frames(FRAMES)
            .pageSize(PAGE)
            .tlbEntries(64)
            .diskBlocks(0)
            .disk(DiskProfile.ZERO)
            .mmu(mmu)
            .build();
    strands.attach("test");
    machine = new Machine(config, strands);
    domain = new SyncDomain(mode, strands, machine.clock(), true, 4, Event.count());
    main = new KThread(domain, "test", false);
    domain.token().enter();
    pages = new ResidentPages(domain, machine.memory(), Thresholds.forFrames(FRAMES), false, 0);
    pmaps = new PmapModule(domain, machine, pages, Set.of(defects));
    pages.setMappings(pmaps);
    owner = new Owner(domain);
  }

  /** Returns the next page of the owner: valid, clean, idle, on no queue. */
  VmPage page() {
    owner.lock.lock();
    try {
      VmPage m = pages.alloc(owner, (long) allocated++ * PAGE, AllocClass.INTERRUPT);
      m.setValid(VmPage.ALL_CHUNKS);
      pages.zeroFill(m);
      pages.wakeup(m);
      return m;
    } finally {
      owner.lock.unlock();
    }
  }

  /** Makes a kernel thread of the second of {@link SteppedStrands}. */
  void second() {
    ((SteppedStrands) strands).asSecond(() -> second = new KThread(domain, "second", false));
  }

  Cpu cpu(int i) {
    return machine.cpu(i);
  }

  /** Returns the first word of a page's frame. */
  long word(VmPage m) {
    return machine.memory().load(m.frame(), 0);
  }

  /** Wires a page as a fault does (F16). */
  void wire(VmPage m) {
    pages.queues().lock.lock();
    try {
      pages.queues().wireLocked(m);
    } finally {
      pages.queues().lock.unlock();
    }
  }

  /** Takes off a unit of wire_count that no mapping stands for. */
  void unwire(VmPage m) {
    pages.queues().lock.lock();
    try {
      pages.queues().unwireLocked(m);
    } finally {
      pages.queues().lock.unlock();
    }
  }

  /** Enters a mapping and pays the unit of wire_count that it may owe. */
  void enter(Pmap p, long va, VmPage m, int prot, boolean wired) {
    if (p.enter(va, m, prot, wired)) {
      wire(m);
    }
  }

  void protect(VmPage m, int prot) {
    owner.lock.lock();
    try {
      pmaps.protect(m, prot);
    } finally {
      owner.lock.unlock();
    }
  }

  /** Returns whether a store goes through. */
  static boolean stores(Cpu cpu, long va, long value) {
    cpu.clearTrap();
    cpu.store(va, value);
    return cpu.trap() == Cpu.NONE;
  }

  /** Returns whether a load goes through. */
  static boolean loads(Cpu cpu, long va) {
    cpu.clearTrap();
    cpu.load(va);
    return cpu.trap() == Cpu.NONE;
  }

  List<String> violations() {
    List<String> found = new ArrayList<>();
    pmaps.checkInvariants(found::add);
    for (int i = 0; i < pages.pageCount(); i++) {
      VmPage m = pages.page(i);
      if (m.wireCount() != pmaps.wiredMappings(m)) {
        found.add("I-40 " + m + " has wired mappings: " + pmaps.wiredMappings(m));
      }
      if ((m.wireCount() > 0) && (m.isActive() || m.isInactive())) {
        found.add("I-6 " + m);
      }
    }
    return found;
  }

  void check() {
    assertThat(violations()).isEmpty();
  }

  /** Lets go of a world in which a strand died, perhaps with locks held. */
  void abandon() {
    strands.detach();
  }

  @Override
  public void close() {
    try {
      domain.token().leave();
      KThread t = second;
      if (t != null) {
        ((SteppedStrands) strands).asSecond(t::end);
      }
      main.end();
    } finally {
      strands.detach();
      machine.close();
    }
  }
}
