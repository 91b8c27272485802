package dev.faultline.vm;

import dev.faultline.hw.Machine;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.buf.BufferCache;
import dev.faultline.vm.buf.FileBlocks;
import dev.faultline.vm.fault.KernelAccess;
import dev.faultline.vm.fault.VmFault;
import dev.faultline.vm.fault.VmFaultWire;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.ZeroIdle;
import dev.faultline.vm.pageout.HelperDaemons;
import dev.faultline.vm.pageout.MapTrimmer;
import dev.faultline.vm.pageout.PageoutClean;
import dev.faultline.vm.pageout.PageoutDaemon;
import dev.faultline.vm.pageout.SwapState;
import dev.faultline.vm.pager.DefaultPager;
import dev.faultline.vm.pager.DevicePager;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.pmap.PmapModule;
import dev.faultline.vm.proc.ProcessTable;
import dev.faultline.vm.sync.SyncDomain;
import dev.faultline.vm.trace.HardwareTrace;
import dev.faultline.vm.trace.Tracer;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A booted kernel: owns its whole world, machine included. Any number of them live in one JVM, one after another or
 * side by side.
 *
 * <p>Booting starts no thread: the page daemon and the interrupt strands start when first needed. The kernel's
 * operations are to be called on strands of its machine that are kernel threads ({@link #call} makes one of the calling
 * thread).
 */
public final class Kernel implements AutoCloseable {
  /*
   * Implementation overview
   *
   * Construction runs upward through the packages; where a lower package needs a higher one it has declared an
   * interface, which is installed here before any thread runs. All fields are constant.
   *
   * A strand that dies takes the kernel down with it: the first cause is kept, and whoever closes or asks gets it.
   */
  private final KernelConfig config; // (C)
  private final Machine machine; // (C)
  private final Tracer tracer; // (C)
  private final SyncDomain domain; // (C)
  private final ResidentPages pages; // (C)
  private final PmapModule pmaps; // (C)
  private final VmObjects objects; // (C)
  private final SwapPager swapPager; // (C)
  private final VnodePager vnodePager; // (C)
  private final DevicePager devicePager; // (C)
  private final Volume volume; // (C)
  private final BufferCache buffers; // (C)
  private final VmFault fault; // (C)
  private final VmMaps maps; // (C)
  private final KernelMemory kernelMemory; // (C)
  private final PageoutDaemon daemon; // (C)
  private final HelperDaemons helpers; // (C)
  private final @Nullable ZeroIdle zeroIdle; // (C)
  private final ProcessTable processes; // (C)
  private volatile @Nullable Throwable death; // set once, by the first strand that dies

  /**
   * Boots a kernel.
   *
   * @param strands where all its strands come from; may be shared by many kernels
   */
  public Kernel(KernelConfig config, Strands strands) {
    this.config = config;
    Strands world = strands.world(this::strandDied);
    machine = new Machine(config.machine(), world);
    tracer = new Tracer(config.trace());
    if (tracer.isOn()) {
      machine.hardwareObserver(new HardwareTrace(tracer));
    }
    int frames = config.machine().frames();
    int buckets = Math.min(256, Integer.highestOneBit(Math.max(4, frames / 4)));
    domain = new SyncDomain(config.mode(), config.defects(), world, machine.clock(), config.witness(),
        config.ownership(), buckets, Event.count(), tracer);
    pages = new ResidentPages(domain, machine.memory(), config.thresholds(), config.machine().stamps(),
        config.poison());
    if (config.allocationFaults() != null) {
      pages.setAllocationFaults(config.allocationFaults());
    }
    pmaps = new PmapModule(domain, machine, pages, config.defects());
    pages.setMappings(pmaps);
    objects = new VmObjects(domain, pages, config.cacheMax(), config.defects());
    swapPager = new SwapPager(objects, machine.disk(), config.swapPages(), config.defects());
    objects.setPager(ObjectType.SWAP, swapPager);
    objects.setPager(ObjectType.DEFAULT, new DefaultPager(swapPager));
    objects.setSwapTransfer(swapPager);
    volume = new Volume(domain, machine.disk(), config.machine().pageSize(), config.swapPages() * 8L);
    vnodePager = new VnodePager(objects, volume, config.defects());
    objects.setPager(ObjectType.VNODE, vnodePager);
    buffers = new BufferCache(objects, vnodePager, config.buffers(), config.blockChunks());
    devicePager = new DevicePager(objects);
    objects.setPager(ObjectType.DEVICE, devicePager);
    PageoutClean cleaner = new PageoutClean(objects);
    objects.setCleaner(cleaner);
    fault = new VmFault(objects, pmaps, config.defects(), config.probe());
    maps = new VmMaps(objects, pmaps, config.defects());
    maps.setWiring(new VmFaultWire(objects, fault, config.defects(), config.probe()));
    kernelMemory = new KernelMemory(maps);
    fault.setKernelMap(kernelMemory.kernelMap());
    processes = new ProcessTable(domain, machine, maps, fault, objects, vnodePager,
        new FileBlocks(buffers, vnodePager, config.machine().pageSize()), config.daemons(),
        config.defects());
    Swap swap = new Swap(swapPager, vnodePager, buffers);
    helpers = new HelperDaemons(domain, new MapTrimmer(pages), vnodePager, processes, config.daemons());
    processes.setStarted(() -> helpers.processStarted(config.daemons()));
    daemon = new PageoutDaemon(domain, pages, cleaner, List.of(swapPager), swap, processes, helpers);
    zeroIdle = config.daemons().zeroIdle() ? new ZeroIdle(domain, pages) : null;
  }

  /** What the daemon wants to know of the pagers, which belong to a lower package and cannot say so themselves. */
  private record Swap(SwapPager pager, VnodePager files, BufferCache buffers) implements SwapState {
    @Override
    public boolean isUsable() {
      return pager.isUsable();
    }

    @Override
    public boolean isBusy() {
      return pager.isBusy() || files.isBusy(); // a write of either will give a clean page: no need to kill yet
    }

    @Override
    public long pagesWritten() {
      return pager.pagesWritten() + files.pagesWritten();
    }

    @Override
    public long pagesFailed() {
      return pager.pagesFailed() + files.pagesFailed();
    }

    @Override
    public int releaseBuffers(int most) {
      return buffers.release(most);
    }
  }

  private void strandDied(Strand strand, Throwable t) {
    if (death == null) {
      death = t;
    }
    processes.strandDied();
  }

  /** Returns what the first strand that died died of, or null. */
  public @Nullable Throwable death() {
    return death;
  }

  public KernelConfig config() {
    return config;
  }

  public Machine machine() {
    return machine;
  }

  /** Returns what records the kernel's steps, if it was booted to. */
  public Tracer tracer() {
    return tracer;
  }

  public SyncDomain domain() {
    return domain;
  }

  public ResidentPages pages() {
    return pages;
  }

  public PmapModule pmaps() {
    return pmaps;
  }

  public VmObjects objects() {
    return objects;
  }

  public SwapPager swapPager() {
    return swapPager;
  }

  public VnodePager vnodePager() {
    return vnodePager;
  }

  public BufferCache buffers() {
    return buffers;
  }

  public DevicePager devicePager() {
    return devicePager;
  }

  public Volume volume() {
    return volume;
  }

  public VmFault fault() {
    return fault;
  }

  public VmMaps maps() {
    return maps;
  }

  /** Returns the kernel's own memory. */
  public KernelMemory kernelMemory() {
    return kernelMemory;
  }

  /** Returns the means to load and store in the kernel's own memory. */
  public KernelAccess kernelAccess() {
    return new KernelAccess(kernelMemory, fault, pmaps, machine.memory());
  }

  public ProcessTable processes() {
    return processes;
  }

  /** Returns the maps of all processes' address spaces and u-areas, each once; for inspection. */
  public Set<VmMap> processMaps() {
    Set<VmMap> all = new LinkedHashSet<>();
    processes.forEachLive(
        p -> {
          Vmspace v = p.vmspaceOrNull();
          if (v != null) {
            all.add(v.map()); // a vfork's child has its parent's
          }
        });
    processes.forEachUArea(v -> all.add(v.map()));
    return all;
  }

  /**
   * Returns the value of an event counter, all threads together. May be called by any thread that is not in the kernel.
   */
  public long events(Event e) {
    return call("events", () -> domain.events(e.ordinal()));
  }

  /** Runs {@code body} on the calling thread as a kernel thread, inside the kernel (with the token, in UP mode). */
  public <T> T call(String name, Supplier<T> body) {
    return Kernels.call(domain, name, body);
  }

  /** Runs {@code body} on the calling thread as a kernel thread, inside the kernel. */
  public void run(String name, Runnable body) {
    Kernels.call(
        domain,
        name,
        () -> {
          body.run();
          return null;
        });
  }

  /** Ends the kernel's strands. All processes have ended, or are given up. */
  @Override
  public void close() {
    Strand me = Strand.currentOrNull();
    if (me == null) {
      domain.strands().attach("shutdown");
    }
    try {
      if (zeroIdle != null) {
        zeroIdle.shutdown();
      }
      helpers.shutdown();
      processes.shutdown();
      daemon.shutdown();
    } finally {
      if (me == null) {
        domain.strands().detach();
      }
    }
    machine.close();
  }

  @Override
  public String toString() {
    return "kernel(" + config.mode() + " " + machine + ")";
  }
}
