package dev.faultline.vm.scenario;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pageout.PageoutClean;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The scenarios that there are. */
public final class Scenarios {
  private static final int P = 16; // the page that all is about

  private Scenarios() {}

  /** Returns all scenarios. */
  public static List<Scenario> all() {
    return List.of(
        new Scenario(
            "two-faulters",
            "Two threads of one address space touch the same new page; both must get the same frame of zeros.",
            List.of("D16", "D17", "R3", "R4", "I-9", "I-12", "I-22"),
            WorldShape.ofFrames(16),
            Scenarios::twoFaulters),
        new Scenario(
            "fault-pageout",
            "A page is written to swap while its owner loads and stores it; no store may be lost.",
            List.of("D16", "R24", "R39", "I-43", "I-47"),
            WorldShape.ofFrames(16),
            Scenarios::faultPageout),
        new Scenario(
            "fault-munmap",
            "One thread faults on a page while another unmaps it; nothing may stay behind.",
            List.of("D67", "R26", "R29", "I-34", "I-41", "I-63"),
            WorldShape.ofFrames(16),
            Scenarios::faultMunmap),
        new Scenario(
            "fork-store",
            "A parent forks on one thread and stores on another; the child sees the page before or after the store, "
                + "and none of the parent's later ones.",
            List.of("D40", "R25", "I-36", "I-37", "I-62"),
            WorldShape.ofFrames(16),
            Scenarios::forkStore),
        new Scenario(
            "cow-both",
            "Parent and child store into a page that they share copy-on-write; each must see its own.",
            List.of("D40", "D44", "R16", "R21", "I-37", "I-38", "I-62"),
            WorldShape.ofFrames(16),
            Scenarios::cowBoth),
        new Scenario(
            "cow-read",
            "The parent stores into a page shared copy-on-write while the child reads it.",
            List.of("D40", "D44", "R16", "I-62"),
            WorldShape.ofFrames(16),
            Scenarios::cowRead),
        new Scenario(
            "munmap-access",
            "One processor loads through its TLB while the page is unmapped by another thread and its frame is given "
                + "away.",
            List.of("R25", "I-36", "I-41", "I-42", "I-63"),
            WorldShape.ofFrames(16),
            Scenarios::munmapAccess));
  }

  /** Returns the scenario of a name, or null. */
  public static @Nullable Scenario named(String name) {
    for (Scenario s : all()) {
      if (s.name().equals(name)) {
        return s;
      }
    }
    return null;
  }

  private static void twoFaulters(ScenarioWorld w) {
    AddressSpace s = w.space("both").mapSwap(P, 1);
    KernReturn[] results = new KernReturn[2];
    w.actor("fault-a", () -> results[0] = s.write(P));
    w.actor("fault-b", () -> results[1] = s.write(P));
    w.check(
        () -> {
          w.require(results[0] == KernReturn.SUCCESS, "fault-a: " + results[0]);
          w.require(results[1] == KernReturn.SUCCESS, "fault-b: " + results[1]);
          w.require(s.get(P) == 0, "new page holds " + s.get(P));
        });
  }

  private static void faultPageout(ScenarioWorld w) {
    AddressSpace s = w.space("owner").mapSwap(P, 1).set(P, 1);
    VmObject o = s.object(P);
    PageoutClean cleaner = new PageoutClean(w.kernel().objects());
    long[] seen = new long[1];
    w.userActor(
        "user",
        s,
        u -> {
          seen[0] = u.load(P);
          u.store(P, 2);
        });
    w.actor("pageout", () -> w.inKernel(() -> pageOut(w, o, cleaner)));
    w.check(
        () -> {
          w.require(seen[0] == 1, "loaded " + seen[0] + " instead of 1");
          w.inKernel(() -> freeIfClean(w, o));
          w.require(s.get(P) == 2, "page holds " + s.get(P) + " instead of 2");
        });
  }

  private static void pageOut(ScenarioWorld w, VmObject o, PageoutClean cleaner) {
    o.lock.lock();
    o.pipUp(1);
    VmPage m = w.kernel().pages().lookup(o, 0);
    if (m == null) {
      o.lock.unlock();
    } else {
      cleaner.clean(o, m, Cleaner.How.SYNC);
    }
    o.lock.lock();
    o.pipDown(1);
    o.lock.unlock();
  }

  /** What the daemon does with a clean page: so that a store whose dirt was lost is lost itself. */
  private static void freeIfClean(ScenarioWorld w, VmObject o) {
    o.lock.lock();
    VmPage m = w.kernel().pages().lookup(o, 0);
    if (m != null) {
      w.kernel().pages().testDirty(m);
      if (m.dirty() == 0) {
        w.kernel().pages().mappings().protect(m, VmProt.NONE);
        w.kernel().pages().free(m);
      }
    }
    o.lock.unlock();
  }

  private static void faultMunmap(ScenarioWorld w) {
    AddressSpace s = w.space("both").mapSwap(P, 1);
    KernReturn[] result = new KernReturn[1];
    w.actor("fault", () -> result[0] = s.write(P));
    w.actor("munmap", () -> s.unmap(P, 1));
    w.check(
        () -> {
          boolean ok = result[0] == KernReturn.SUCCESS || result[0] == KernReturn.INVALID_ADDRESS;
          w.require(ok, "fault: " + result[0]);
          w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page is there after munmap");
        });
  }

  private static void forkStore(ScenarioWorld w) {
    AddressSpace s = w.space("parent").mapSwap(P, 1).set(P, 1);
    AddressSpace[] child = new AddressSpace[1];
    w.userActor(
        "store",
        s,
        u -> {
          u.store(P, 2);
          u.store(P, 3);
        });
    w.actor("fork", () -> child[0] = s.fork());
    w.check(
        () -> {
          long seen = child[0].get(P);
          w.require(seen >= 1 && seen <= 3, "child sees " + seen);
          w.require(s.get(P) == 3, "parent sees " + s.get(P) + " instead of 3");
        });
  }

  private static void cowBoth(ScenarioWorld w) {
    AddressSpace parent = w.space("parent").mapSwap(P, 1).set(P, 1);
    AddressSpace child = parent.fork();
    w.userActor("parent", parent, u -> u.store(P, 2));
    w.userActor("child", child, u -> u.store(P, 3));
    w.check(
        () -> {
          w.require(parent.get(P) == 2, "parent sees " + parent.get(P) + " instead of 2");
          w.require(child.get(P) == 3, "child sees " + child.get(P) + " instead of 3");
        });
  }

  private static void cowRead(ScenarioWorld w) {
    AddressSpace parent = w.space("parent").mapSwap(P, 1).set(P, 1);
    AddressSpace child = parent.fork();
    long[] seen = new long[1];
    w.userActor("parent", parent, u -> u.store(P, 2));
    w.userActor("child", child, u -> seen[0] = u.load(P));
    w.check(
        () -> {
          w.require(parent.get(P) == 2, "parent sees " + parent.get(P) + " instead of 2");
          w.require(seen[0] == 1, "child saw " + seen[0] + " instead of 1");
          w.require(child.get(P) == 1, "child sees " + child.get(P) + " instead of 1");
        });
  }

  private static void munmapAccess(ScenarioWorld w) {
    AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
    long[] seen = new long[2];
    w.userActor(
        "load",
        s,
        u -> {
          seen[0] = u.load(P);
          seen[1] = u.load(P);
        });
    w.actor("munmap", () -> s.unmap(P, 1));
    w.check(
        () -> {
          w.require(seen[0] == 1 || seen[0] == User.REFUSED, "loaded " + seen[0]);
          w.require(seen[1] == 1 || seen[1] == User.REFUSED, "loaded " + seen[1]);
          w.require(seen[0] == 1 || seen[1] == User.REFUSED, "page came back");
        });
  }
}
