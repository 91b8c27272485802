package dev.faultline.lin.lincheck;

import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Thresholds;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.sync.KThread;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A tiny kernel for one Lincheck invocation, and the kernel threads that Lincheck's threads are while they are in it.
 *
 * <p>Booting and the change of threads are nothing that the model checker is to look into; {@link Lincheck} tells it
 * so.
 */
final class World {
  private static final int FLOWS = 6;

  final Kernel kernel; // (C)
  private final LincheckStrands.Flow[] flows = new LincheckStrands.Flow[FLOWS]; // (C)
  private final AtomicReferenceArray<Thread> claimed = new AtomicReferenceArray<>(FLOWS);

  private final AtomicInteger frames = new AtomicInteger();
  private volatile @Nullable Throwable death; // (A) what an operation has ended with, if it was wrong

  private World(KernelConfig config) {
    LincheckStrands strands = new LincheckStrands(Lincheck.modelChecking());
    kernel = new Kernel(config, strands);
    kernel.pages().freeList().setDaemonStarter(() -> {}); // no page daemon: nobody here waits for its work
    for (int i = 0; i < FLOWS; i++) {
      flows[i] = strands.make("flow " + i);
      flows[i].enter();
      new KThread(kernel.domain(), "flow " + i, false); // the strand's context now
      flows[i].leave();
    }
  }

  /** Boots a kernel of so many frames, with the defect that {@link Lincheck#defect} names. */
  static World boot(int frames) {
    return boot(config(frames));
  }

  /** Boots a kernel with these memory thresholds. */
  static World boot(int frames, Thresholds thresholds) {
    return boot(config(frames).thresholds(thresholds));
  }

  /** Boots a kernel. */
  static World boot(KernelConfig.Builder config) {
    return new World(config.build());
  }

  /** Returns a configuration: two processors, pages of 64 bytes, sixteen pages of swap. */
  static KernelConfig.Builder config(int frames) {
    MachineConfig machine =
        MachineConfig.builder().cpus(2).frames(frames).pageSize(64).tlbEntries(4).diskBlocks(8 * 32).build();
    KernelConfig.Builder c =
        KernelConfig.builder(machine).swapPages(16).cacheMax(0).witness(!Lincheck.modelChecking());
    KernelDefect d = Lincheck.defect();
    return d == null ? c : d.seed(c);
  }

  /** Makes the calling thread a kernel thread of this world, until {@link #leave}. */
  void enter() {
    flows[number()].enter();
  }

  /** Makes it none again. */
  void leave() {
    flows[number()].leave();
  }

  /** Returns the calling thread's number, small and its own. */
  int number() {
    Thread me = Thread.currentThread();
    for (int i = 0; i < FLOWS; i++) {
      Thread t = claimed.get(i);
      if (t == me || (t == null && claimed.compareAndSet(i, null, me)) || claimed.get(i) == me) {
        return i;
      }
    }
    throw new IllegalStateException("more threads than " + FLOWS);
  }

  /** Returns a frame that nobody else has; for worlds that allocate none. */
  int nextFrame() {
    return frames.getAndIncrement();
  }

  /** Runs an operation as a kernel thread. */
  int count(IntSupplier body) {
    enter();
    try {
      return body.getAsInt();
    } catch (Throwable t) {
      death = t;
      throw t;
    } finally {
      leave();
    }
  }

  /** Runs an operation as a kernel thread. */
  long word(LongSupplier body) {
    enter();
    try {
      return body.getAsLong();
    } catch (Throwable t) {
      death = t;
      throw t;
    } finally {
      leave();
    }
  }

  /** Runs an operation as a kernel thread. */
  boolean test(BooleanSupplier body) {
    enter();
    try {
      return body.getAsBoolean();
    } catch (Throwable t) {
      death = t;
      throw t;
    } finally {
      leave();
    }
  }

  /** Runs an operation as a kernel thread. */
  void run(Runnable body) {
    enter();
    try {
      body.run();
    } catch (Throwable t) {
      death = t;
      throw t;
    } finally {
      leave();
    }
  }

  /**
   * Runs the checks at an invocation's end, when nobody else runs; nothing for the model checker to look into. Who died
   * may have left a lock held, for which they would wait for ever: then its death is all there is to say.
   */
  void check(Runnable body) {
    Check.holds(death == null, "an operation died", String.valueOf(death));
    enter();
    try {
      body.run();
    } finally {
      leave();
    }
  }

  /** Checks all invariants that hold at rest, with the address spaces that an invocation left (null: none). */
  void checkKernel(@Nullable Vmspace... spaces) {
    check(
        () -> {
          Set<VmMap> maps = new LinkedHashSet<>();
          for (Vmspace v : spaces) {
            if (v != null) {
              maps.add(v.map());
            }
          }
          List<String> wrong = new Invariants(KernelParts.of(kernel, () -> maps)).check();
          Check.holds(wrong.isEmpty(), "invariants", wrong);
        });
  }
}
