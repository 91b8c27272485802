package dev.faultline.vm.scenario;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import java.util.List;

/** Memory runs out: who waits, who frees, what the daemon takes, what of the cache queue is taken. */
final class MemoryScenarios {
  private static final int P = 16; // the page that all is about

  private MemoryScenarios() {}

  static List<Scenario> all() {
    return List.of(
        memoryWait(), memoryExit(), memoryKill(), memoryDaemon(), memorySwapout(), daemonPageins(), cachedShort(),
        cachedSteal(), cachedPartial(), cachedMunmap());
  }

  private static Scenario memoryWait() {
    return Scenario.of(
        "memory-wait",
        "A fault finds no frame and waits while another thread unmaps a page: the frame that comes free is its.",
        "D19T R8 R9 I-7 I-58 I-59 I-60",
        WorldShape.ofFrames(4).withSwap(0),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).mapDefault(P + 1, 1);
          w.must(s.wire(P, 1)); // the daemon has nothing to look at
          w.hoard(0);
          w.actor("fault", () -> w.must(s.write(P + 1)));
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(() -> w.expect("new page", s.get(P + 1), 0));
        });
  }

  private static Scenario memoryExit() {
    return Scenario.of(
        "memory-exit",
        "A fault finds no frame and waits while another address space ends.",
        "D19T R8 R9 R19 I-7 I-58 I-59",
        WorldShape.ofFrames(4).withSwap(0),
        w -> {
          AddressSpace s = w.space("in want").mapDefault(P, 1);
          AddressSpace other = w.space("other").mapDefault(P, 2);
          w.must(other.wire(P, 2)); // the daemon has nothing to look at
          w.hoard(0);
          w.actor("fault", () -> w.must(s.write(P)));
          w.actor("exit", other::free);
          w.check(() -> w.expect("new page", s.get(P), 0));
        });
  }

  private static Scenario memoryKill() {
    return Scenario.of(
        "memory-kill",
        "A fault finds no frame, nor will there be one: its process is killed for want of memory, and stops waiting.",
        "D19T R8 R9 I-58 I-59",
        WorldShape.ofFrames(4).withSwap(0),
        w -> {
          AddressSpace s = w.space("in want").mapDefault(P, 1);
          w.hoard(0); // the daemon has nothing to look at
          KernReturn[] result = new KernReturn[1];
          w.actor("fault", () -> result[0] = s.write(P));
          w.actor("kill", () -> w.kill("fault"));
          w.check(() -> w.require(result[0] == KernReturn.RESOURCE_SHORTAGE, "the fault ended in " + result[0]));
        });
  }

  private static Scenario memoryDaemon() {
    return Scenario.of(
        "memory-daemon",
        "A fault finds no frame; the page daemon takes a clean page that nobody has used lately, which another "
            + "thread then wants.",
        "D19T R8 R9 R22 R38 I-5 I-41 I-59 I-60",
        WorldShape.ofFrames(5).withSwap(2),
        w -> {
          AddressSpace s = w.space("in want").mapDefault(P, 3);
          AddressSpace other = w.space("other").mapSwap(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          VmObject o = other.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          steps.deactivate(o, 0);
          w.hoard(2);
          w.actor(
              "faults",
              () -> {
                w.must(s.write(P));
                w.must(s.write(P + 1));
                w.must(s.write(P + 2));
              });
          w.check(() -> w.expect("page of the other", other.get(P), 1));
        });
  }

  private static Scenario memorySwapout() {
    return Scenario.of(
        "memory-swapout",
        "A fault finds no frame; the page daemon writes a dirty page to swap and gives its frame away.",
        "D19T R8 R9 R10 R22 I-44 I-47 I-59 I-60",
        WorldShape.ofFrames(5).withSwap(2),
        w -> {
          AddressSpace s = w.space("in want").mapDefault(P, 3);
          AddressSpace other = w.space("other").mapSwap(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          steps.deactivate(other.object(P), 0);
          w.hoard(2);
          w.actor(
              "faults",
              () -> {
                w.must(s.write(P));
                w.must(s.write(P + 1));
                w.must(s.write(P + 2));
              });
          w.check(() -> w.expect("page of the other", other.get(P), 1));
        });
  }

  private static Scenario daemonPageins() {
    return Scenario.of(
        "daemon-pageins",
        "Two threads fault on a page in swap when one frame is left: one takes it, which wakes the page daemon, the "
            + "other waits for the page or for a frame.",
        "D12aT D21T D22T R4 R9 R38 R39 I-14 I-52 I-58",
        WorldShape.ofFrames(4),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          new PageSteps(w).pageOut(s.object(P), 0);
          w.hoard(2);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario cachedShort() {
    return Scenario.of(
        "cached-short",
        "A page goes to the cache queue when there is no free frame, and is faulted on at once, while another thread "
            + "unmaps a page: it is rescued, and no frame is lost.",
        "D14aT D14bF R6 R9 I-5 I-7 I-12",
        WorldShape.ofFrames(4),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          AddressSpace other = w.space("other").mapDefault(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          VmObject o = s.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          w.hoard(0);
          w.actor(
              "cache-fault",
              () -> {
                steps.cache(o, 0);
                w.must(s.read(P));
              });
          w.actor("munmap", () -> w.must(other.unmap(P, 1)));
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario cachedSteal() {
    return Scenario.of(
        "cached-steal",
        "The head of the cache queue is freed for want of frames while a fault claims that very page.",
        "D14aT D14bF D19F R6 I-5 I-9 I-12 I-41",
        WorldShape.ofFrames(5),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          VmObject o = s.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          w.hoard(1);
          steps.cache(o, 0);
          w.actor("claim", () -> w.must(s.read(P)));
          w.actor("free", steps::freeCached);
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario cachedPartial() {
    return Scenario.of(
        "cached-partial",
        "A fault claims a partly valid page of the cache queue, and asks the pager for the rest, while the "
            + "daemon frees cached pages.",
        "D14aT D15aT R6 R37 I-5 I-12",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          VmObject o = s.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          steps.leaveFirstChunk(o, 0);
          steps.cache(o, 0);
          w.actor("claim", () -> w.must(s.read(P)));
          w.actor("free", steps::freeCached);
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario cachedMunmap() {
    return Scenario.of(
        "cached-munmap",
        "The kernel has taken frames below the reserve when a page goes to the cache queue and is faulted on at once, "
            + "while another thread unmaps it: who waits for memory keeps the page from nobody.",
        "D14aT D14bT R6 R9 I-5 I-12 I-23 I-56",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          PageSteps steps = new PageSteps(w);
          VmObject o = s.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          int reserve = w.kernel().config().thresholds().freeReserved();
          w.hoard(reserve);
          w.kernelTakes(2); // with the page on the cache queue one less than the reserve is left
          KernReturn[] result = new KernReturn[1];
          w.actor(
              "cache-fault",
              () -> {
                steps.cache(o, 0);
                result[0] = s.read(P);
              });
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS || result[0] == KernReturn.INVALID_ADDRESS;
                w.require(ok, "fault: " + result[0]);
                w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page is there after munmap");
              });
        });
  }
}
