package dev.faultline.vm.scenario;

import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import java.util.List;

/** Pageout and caching against faults and accesses; the daemon is an actor here, its steps are PageSteps. */
final class PageoutScenarios {
  private static final int P = 16; // the page that all is about

  private PageoutScenarios() {}

  static List<Scenario> all() {
    return List.of(
        faultPageout(), cacheStore(), protectStore(), pageoutRefault(), twoPageins(), pagerRelease(), swapBothWays(),
        swapReadahead(), pageoutDone(), pageoutExit(), pageoutCollapse(), swapError());
  }

  private static Scenario faultPageout() {
    return Scenario.of(
        "fault-pageout",
        "A page is written to swap while its owner loads and stores it; no store may be lost.",
        "D11T R24 R39 I-43 I-47",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          long[] seen = new long[1];
          w.userActor(
              "user",
              s,
              u -> {
                seen[0] = u.load(P);
                u.store(P, 2);
              });
          w.actor("pageout", () -> steps.write(o, 0, Cleaner.How.SYNC));
          w.check(
              () -> {
                w.expect("load", seen[0], 1);
                steps.freeIfClean(o, 0);
                w.expect("page", s.get(P), 2);
              });
        });
  }

  private static Scenario cacheStore() {
    return Scenario.of(
        "cache-store",
        "A clean page is put on the cache queue while its owner stores into it: the store keeps the page, or "
            + "faults and gets it back.",
        "D14aT R24 R25 I-5 I-41 I-43",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          steps.write(o, 0, Cleaner.How.FORCE);
          w.must(s.write(P));
          steps.forgetDirt(o, 0); // writable, clean, as after a read fault
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("cache", () -> steps.cache(o, 0));
          w.check(
              () -> {
                steps.freeIfClean(o, 0);
                w.expect("page", s.get(P), 2);
              });
        });
  }

  private static Scenario protectStore() {
    return Scenario.of(
        "protect-store",
        "A page is write-protected, as for a pageout, while its owner stores into it for the first time: the "
            + "store leaves its mark.",
        "D11T R25 I-33 I-36 I-43",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          steps.write(o, 0, Cleaner.How.FORCE);
          w.must(s.write(P));
          steps.forgetDirt(o, 0);
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("protect", () -> steps.protect(o, 0));
          w.check(
              () -> {
                steps.freeIfClean(o, 0);
                w.expect("page", s.get(P), 2);
              });
        });
  }

  private static Scenario pageoutRefault() {
    return Scenario.of(
        "pageout-refault",
        "A page is written to swap, cached and freed while a thread faults on it: it finds the page, or the "
            + "swap block.",
        "D12aT D21T D22T D48T R39 I-44 I-47 I-52",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          w.actor("fault", () -> w.must(s.read(P)));
          w.actor(
              "pageout",
              () -> {
                steps.write(o, 0, Cleaner.How.SYNC);
                steps.freeIfClean(o, 0);
              });
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario twoPageins() {
    return Scenario.of(
        "two-pageins",
        "Two threads fault on a page in swap: one reads it, the other sleeps on the busy page and is woken.",
        "D12aT D13T D21T D22T D5T R4 R39 I-14 I-52 I-58",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          new PageSteps(w).pageOut(s.object(P), 0);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario pagerRelease() {
    return Scenario.of(
        "pager-release",
        "Two threads fault on a page of a pager that lets go of what it has brought, as none of the kernel's does: who "
            + "called it looks again, and takes nothing that another has claimed.",
        "D12aT D21T D22T D23T R15 I-9 I-12 I-15 I-60",
        WorldShape.ofFrames(16),
        w -> {
          w.kernel().objects().setPager(ObjectType.SWAP, new ReleasingPager(w.kernel(), 7));
          AddressSpace s = w.space("both").mapSwap(P, 1);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.write(P)));
          w.check(() -> w.expect("page", s.get(P), 7));
        });
  }

  private static Scenario swapBothWays() {
    return Scenario.of(
        "swap-both-ways",
        "One page of an object comes from swap while another goes there: block table, transfers and pip of one "
            + "object.",
        "D21T D22T R11 R39 I-22 I-44 I-46 I-52",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 10).set(P, 1).set(P + 9, 2);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          steps.pageOut(o, 0);
          w.actor("fault", () -> w.must(s.read(P)));
          w.actor("pageout", () -> steps.write(o, 9, Cleaner.How.SYNC));
          w.check(
              () -> {
                steps.freeIfClean(o, 9);
                w.expect("page from swap", s.get(P), 1);
                w.expect("page to swap", s.get(P + 9), 2);
              });
        });
  }

  private static Scenario swapReadahead() {
    return Scenario.of(
        "swap-readahead",
        "Two threads fault on neighbouring pages in swap; one may bring both, and no page comes twice.",
        "D12aT D21T D73T D75T R12 I-9 I-52",
        WorldShape.ofFrames(32),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 2).set(P, 1).set(P + 1, 2);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          steps.pageOut(o, 0);
          steps.pageOut(o, 1);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P + 1)));
          w.check(
              () -> {
                w.expect("first page", s.get(P), 1);
                w.expect("second page", s.get(P + 1), 2);
              });
        });
  }

  private static Scenario pageoutDone() {
    return Scenario.of(
        "pageout-done",
        "A pageout that nobody waits for completes while a thread faults on the page: the daemon is woken to "
            + "finish it.",
        "D12aT D13T R10 I-13 I-21 I-46 I-58",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          w.actor(
              "pageout-fault",
              () -> {
                steps.write(o, 0, Cleaner.How.ASYNC);
                w.must(s.write(P));
              });
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario pageoutExit() {
    return Scenario.of(
        "pageout-exit",
        "An address space ends while a page of it is on its way to swap: the object waits for its paging to "
            + "end.",
        "R10 I-21 I-31 I-44 I-52",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          w.inKernel(o::reference);
          w.actor(
              "pageout",
              () -> {
                steps.write(o, 0, Cleaner.How.SYNC);
                w.inKernel(o::deallocate);
              });
          w.actor("exit", s::free);
          w.check(() -> w.expect("swap in use", w.swapInUse(), 0));
        });
  }

  private static Scenario pageoutCollapse() {
    return Scenario.of(
        "pageout-collapse",
        "A page of a parent's object is on its way to swap while the parent ends: its end waits, then the "
            + "object is collapsed.",
        "R18 R29 R39 I-22 I-29 I-44 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          VmObject bottom = parent.object(P);
          PageSteps steps = new PageSteps(w);
          w.inKernel(bottom::reference);
          w.actor(
              "pageout",
              () -> {
                steps.write(bottom, 0, Cleaner.How.SYNC);
                w.inKernel(bottom::deallocate);
              });
          w.actor("exit", parent::free);
          w.check(() -> w.expect("child's page", child.get(P), 1));
        });
  }

  private static Scenario swapError() {
    return Scenario.of(
        "swap-error",
        "A write to swap fails while the page is stored to; the page stays, and no block counts that was not "
            + "written.",
        "D11T R39 I-43 I-44 I-47",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
          VmObject o = s.object(P);
          PageSteps steps = new PageSteps(w);
          w.failNextWrite();
          w.actor("pageout", () -> steps.write(o, 0, Cleaner.How.SYNC));
          w.actor("fault", () -> w.must(s.write(P)));
          w.check(
              () -> {
                steps.freeIfClean(o, 0);
                w.require(steps.isResident(o, 0), "page is gone, and was never written");
                w.require(!steps.isInSwap(o, 0), "a block counts as written that was not");
                w.expect("page", s.get(P), 1);
              });
        });
  }
}
