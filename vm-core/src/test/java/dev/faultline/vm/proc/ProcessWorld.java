package dev.faultline.vm.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.ResidentPages.AllocationFaults;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** A small machine with processes, for tests of this package. */
final class ProcessWorld implements AutoCloseable {
  static final int PAGE = 4096;

  private static final ThreadStrands STRANDS = new ThreadStrands();

  final Kernel kernel;
  final ProcessTable processes;
  final SystemCalls calls;

  ProcessWorld(Mode mode, int cpus) {
    this(mode, cpus, 256);
  }

  ProcessWorld(Mode mode, int cpus, int frames) {
    this(mode, cpus, frames, DaemonOptions.DEFAULT);
  }

  ProcessWorld(Mode mode, int cpus, int frames, DaemonOptions daemons) {
    this(mode, cpus, frames, daemons, null);
  }

  /** As the others, and {@code refuses} says which allocations fail. */
  ProcessWorld(Mode mode, int cpus, int frames, DaemonOptions daemons, @Nullable AllocationFaults refuses) {
    MachineConfig machine =
        MachineConfig.builder().cpus(cpus).frames(frames).deviceFrames(4).diskBlocks(8L * (64 + 32))
            .tickNanos(1_000_000).build();
    KernelConfig config =
        KernelConfig.builder(machine).mode(mode).swapPages(64).witness(true).daemons(daemons)
            .allocationFaults(refuses).build();
    kernel = new Kernel(config, STRANDS);
    processes = kernel.processes();
    calls = processes.systemCalls();
  }

  /** Starts a first process. */
  void start(long pid, ProcessMain main) {
    kernel.run("boot", () -> processes.start(pid, main));
  }

  /** Maps one page of zeros at {@code address}. */
  void map(ProcThread t, long address, boolean shared) {
    CallResult r = calls.memory().mmapAnon(t, address, PAGE, VmProt.READ | VmProt.WRITE, shared);
    if (r != CallResult.OK) {
      throw new AssertionError("mmap = " + r);
    }
  }

  long events(Event e) {
    return kernel.events(e);
  }

  /** Runs a process alone to its end; fails if its body does. */
  void runOne(ProcessMain main) {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    start(
        1,
        t -> {
          try {
            main.run(t);
          } catch (AssertionError e) {
            failure.set(e);
          }
          calls.life().exit(t);
        });
    awaitEnd();
    Throwable f = failure.get();
    if (f != null) {
      throw new AssertionError(f.getMessage(), f);
    }
  }

  /** Waits until all processes have ended; they must within some seconds. */
  void awaitEnd() {
    kernel.domain().strands().attach("test");
    try {
      assertThat(processes.awaitEnd(TimeUnit.SECONDS.toNanos(20))).as("all processes ended").isTrue();
    } finally {
      kernel.domain().strands().detach();
    }
    Throwable death = kernel.death();
    if (death != null) {
      throw new AssertionError("the kernel died", death);
    }
  }

  @Override
  public void close() {
    kernel.close();
  }
}
