package dev.faultline.stress.bench;

import dev.faultline.vm.map.Vmspace;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * What the simulated kernel's faults cost, from the access that traps to the access that goes through. Each operation
 * is one page.
 *
 * <p>With {@code sharing=shared} the threads are in one address space and fault in different parts of one object.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FaultCosts {
  private static final int PAGES = FaultThread.PAGES;

  /** A thread whose pages are resident and mapped. */
  @State(Scope.Thread)
  public static class Touched {
    /** Whether each thread has its own object or all use one. */
    @Param({"private", "shared"})
    public String sharing;

    FaultThread t;

    @Setup(Level.Trial)
    public void begin(FaultWorld world, ThreadParams threads) {
      t = new FaultThread(world, threads.getThreadIndex(), sharing.equals("shared"));
      t.touchAll();
    }

    @TearDown(Level.Trial)
    public void end() {
      t.close();
    }
  }

  /** Takes the translations away and leaves the pages. */
  @State(Scope.Thread)
  public static class Unmapped extends Touched {
    @Setup(Level.Invocation)
    public void unmap() {
      t.touchAll();
      t.inKernel(() -> t.space.pmap().remove(t.base, t.page(PAGES)));
    }
  }

  /** Takes the pages away: they will be zero-filled. */
  @State(Scope.Thread)
  public static class Dropped extends Touched {
    @Setup(Level.Invocation)
    public void drop() {
      t.dropPages();
    }
  }

  /** Writes the pages to swap once, and takes them away before each invocation. */
  @State(Scope.Thread)
  public static class PagedOut extends Touched {
    private boolean written;

    @Setup(Level.Invocation)
    public void drop() {
      if (!written) {
        t.touchAll();
        t.writeToSwap();
        written = true;
      }
      t.dropPages();
    }
  }

  /** Forks, so that every page is to be copied when it is stored to, and ends the child afterwards. */
  @State(Scope.Thread)
  public static class Forked extends Touched {
    private @Nullable Vmspace child;

    @Setup(Level.Invocation)
    public void fork() {
      t.touchAll();
      child = t.fork();
    }

    @TearDown(Level.Invocation)
    public void free() {
      t.free(child);
    }
  }

  /** A load that hits the TLB. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long tlbHitLoad(Touched s) {
    FaultThread t = s.t;
    long sum = 0;
    for (int i = 0; i < PAGES; i++) {
      t.access.load(t.base + (i & 63) * 8L);
      sum += t.access.value();
    }
    return sum;
  }

  /** A fault on a page that is resident: only the translation is missing. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long softFault(Unmapped s) {
    FaultThread t = s.t;
    long sum = 0;
    for (int i = 0; i < PAGES; i++) {
      sum += t.load(i);
    }
    return sum;
  }

  /** A first touch: a page of zeros. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void zeroFill(Dropped s) {
    s.t.touchAll();
  }

  /** A store to a page that a fork left to be copied. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void copyOnWrite(Forked s) {
    s.t.touchAll();
  }

  /** A page that was paged out, from a disk without latency; one transfer brings up to eight. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long pagein(PagedOut s) {
    FaultThread t = s.t;
    long sum = 0;
    for (int i = 0; i < PAGES; i++) {
      sum += t.load(i);
    }
    return sum;
  }
}
