package dev.faultline.vm.scenario;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.page.ResidentPages.AllocationFaults;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A small world for a test: a kernel on a tiny machine, its address spaces, and actors on strands of their own.
 *
 * <p>Closing it waits for its actors, ends its address spaces and shuts the kernel down.
 */
public final class World implements AutoCloseable {
  private final Kernel kernel; // (C)
  private final FaultGates gates; // (C)
  private final Strands strands; // (C)
  private final List<Space> spaces = new ArrayList<>(); // the test thread's
  private final List<Actor<?>> actors = new ArrayList<>(); // the test thread's
  private boolean broken; // the test thread's: kernel code threw

  private World(Kernel kernel, FaultGates gates, Strands strands) {
    this.kernel = kernel;
    this.gates = gates;
    this.strands = strands;
  }

  /** Returns a builder: FIXED mode, 2 processors, 64 frames of 64 bytes, 64 pages of swap, witness and ownership on. */
  public static Builder builder() {
    return new Builder();
  }

  public Kernel kernel() {
    return kernel;
  }

  /** Returns the gates of the fault handler and the record of its decisions. */
  public FaultGates gates() {
    return gates;
  }

  public int pageSize() {
    return kernel.config().machine().pageSize();
  }

  /** Makes an empty address space. */
  public Space space() {
    Space s = new Space(this, inKernel(() -> kernel.processes().newVmspace("space")));
    spaces.add(s);
    return s;
  }

  /** Takes an address space that a fork made under the world's care. */
  Space adopt(Vmspace v) {
    Space s = new Space(this, v);
    spaces.add(s);
    return s;
  }

  void forget(Space s) {
    spaces.remove(s);
  }

  /** Runs {@code body} on the calling thread as a kernel thread, in the kernel. */
  public <T> T inKernel(Supplier<T> body) {
    boolean ok = false;
    try {
      T result = kernel.call("test", body);
      ok = true;
      return result;
    } finally {
      broken |= !ok; // locks may still be held: closing must not wait for them
    }
  }

  /** Runs {@code body} on the calling thread as a kernel thread, in the kernel. */
  public void inKernel(Runnable body) {
    inKernel(
        () -> {
          body.run();
          return null;
        });
  }

  /** Something that runs beside the test on a strand of its own, as a kernel thread in the kernel. */
  public static final class Actor<T> {
    private final Strands strands;
    private final Strand strand;
    private volatile @Nullable T result;
    private volatile @Nullable Throwable failure;

    private Actor(Kernel kernel, Strands strands, String name, Supplier<T> body) {
      this.strands = strands;
      this.strand =
          strands.start(
              name,
              () -> {
                try {
                  result = kernel.call(name, body);
                } catch (Throwable t) {
                  failure = t;
                }
              });
    }

    /** Returns whether it has ended. */
    public boolean isDone() {
      return strands.join(strand, 0);
    }

    /**
     * Waits for its end.
     *
     * @return what the body returned
     * @throws IllegalStateException if it did not end in ten seconds, or failed
     */
    public @Nullable T join() {
      if (!strands.join(strand, 10_000_000_000L)) {
        throw new IllegalStateException("actor hangs: " + strand + " " + strand.context);
      }
      if (failure != null) {
        throw new IllegalStateException("actor failed: " + strand, failure);
      }
      return result;
    }
  }

  /** Starts an actor. */
  public <T> Actor<T> start(String name, Supplier<T> body) {
    Actor<T> a = new Actor<>(kernel, kernel.domain().strands(), name, body);
    actors.add(a);
    return a;
  }

  /** Shuts everything down. */
  @Override
  public void close() {
    if (broken) {
      return;
    }
    for (Actor<?> a : actors) {
      a.join();
    }
    for (Space s : new ArrayList<>(spaces)) {
      s.free();
    }
    kernel.close();
    Throwable death = kernel.death();
    if (death != null) {
      throw new IllegalStateException("a strand of the kernel died", death);
    }
  }

  @Override
  public String toString() {
    return "world(" + kernel + " " + strands + ")";
  }

  /** Collects what a world consists of. */
  public static final class Builder {
    private Mode mode = Mode.FIXED;
    private int cpus = 2;
    private int frames = 64;
    private int deviceFrames;
    private int pageSize = 64;
    private int swapPages = 64;
    private int filePages = 256;
    private DiskProfile disk = DiskProfile.ZERO;
    private @Nullable Thresholds thresholds;
    private @Nullable AllocationFaults allocationFaults;
    private final EnumSet<Defect> defects = EnumSet.copyOf(Defect.defaults());
    private int cacheMax = 8;
    private DaemonOptions daemons = DaemonOptions.DEFAULT;
    private int buffers = 8;
    private int blockChunks = 2;
    private @Nullable Boolean ownership;
    private @Nullable Strands strands;

    private Builder() {}

    public Builder mode(Mode m) {
      mode = m;
      return this;
    }

    public Builder cpus(int n) {
      cpus = n;
      return this;
    }

    public Builder frames(int n) {
      frames = n;
      return this;
    }

    public Builder deviceFrames(int n) {
      deviceFrames = n;
      return this;
    }

    public Builder pageSize(int bytes) {
      pageSize = bytes;
      return this;
    }

    public Builder swapPages(int n) {
      swapPages = n;
      return this;
    }

    /** Sets the room for files, in pages. */
    public Builder filePages(int n) {
      filePages = n;
      return this;
    }

    public Builder disk(DiskProfile p) {
      disk = p;
      return this;
    }

    public Builder thresholds(Thresholds t) {
      thresholds = t;
      return this;
    }

    public Builder allocationFaults(AllocationFaults f) {
      allocationFaults = f;
      return this;
    }

    public Builder defect(Defect d) {
      defects.add(d);
      return this;
    }

    /** Whether who holds what is registered, and a wrong hold is a panic: unless told, in worlds without a defect. */
    public Builder ownership(boolean on) {
      ownership = on;
      return this;
    }

    public Builder cacheMax(int n) {
      cacheMax = n;
      return this;
    }

    public Builder daemons(DaemonOptions d) {
      daemons = d;
      return this;
    }

    /** Sets the number of buffers and the chunks of a block of theirs. */
    public Builder buffers(int n, int chunks) {
      buffers = n;
      blockChunks = chunks;
      return this;
    }

    public Builder strands(Strands s) {
      strands = s;
      return this;
    }

    /** Boots the world. */
    public World build() {
      MachineConfig machine =
          MachineConfig.builder()
              .cpus(cpus)
              .frames(frames)
              .deviceFrames(deviceFrames)
              .pageSize(pageSize)
              .diskBlocks(8L * (swapPages + filePages))
              .disk(disk)
              .tickNanos(1_000_000)
              .stamps(true)
              .build();
      FaultGates gates = new FaultGates();
      KernelConfig.Builder c =
          KernelConfig.builder(machine)
              .mode(mode)
              .defects(defects)
              .swapPages(swapPages)
              .cacheMax(cacheMax)
              .daemons(daemons)
              .buffers(buffers)
              .blockChunks(blockChunks)
              .witness(true)
              .ownership(ownership == null ? defects.equals(Defect.defaults()) : ownership)
              .poison(0xdeadf4a3e5L)
              .probe(gates)
              .allocationFaults(allocationFaults);
      if (thresholds != null) {
        c.thresholds(thresholds);
      }
      Strands s = strands == null ? new ThreadStrands() : strands;
      return new World(new Kernel(c.build(), s), gates, s);
    }
  }
}
