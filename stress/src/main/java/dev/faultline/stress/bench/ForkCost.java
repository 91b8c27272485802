package dev.faultline.stress.bench;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.Vmspace;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * What it costs to fork an address space with 1,000 resident, modified pages; the strand of the child is not counted.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class ForkCost {
  private static final int PAGES = 1000;
  private static final long BASE = 0x100_0000L;

  private FaultThread t;
  private @Nullable Vmspace child;

  @Setup(Level.Trial)
  public void begin(FaultWorld world, ThreadParams threads) {
    t = new FaultThread(world, threads.getThreadIndex(), false);
    long length = (long) PAGES * t.pageSize;
    FaultThread.must(
        world.kernel.processes().systemCalls().memory().mmapAnon(
            t.thread, BASE, length, VmProt.READ | VmProt.WRITE, false));
  }

  @Setup(Level.Invocation)
  public void touch() {
    for (int i = 0; i < PAGES; i++) {
      FaultThread.must(t.access.store(BASE + (long) i * t.pageSize, i));
    }
  }

  @TearDown(Level.Invocation)
  public void free() {
    t.free(child);
  }

  @TearDown(Level.Trial)
  public void end() {
    t.close();
  }

  /** Forks 1,000 pages. */
  @Benchmark
  public @Nullable Vmspace fork1000() {
    child = t.fork();
    return child;
  }
}
