package dev.faultline.vm.scenario;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.proc.CallResult;
import java.util.List;

/** Faults and accesses against changes of the map: unmapping, protection, wiring, replacement. */
final class MapScenarios {
  private static final int P = 16; // the page that all is about

  private MapScenarios() {}

  static List<Scenario> all() {
    return List.of(
        faultMunmap(), munmapAccess(), munmapReuse(), munmapMunmap(), munmapHole(), mapMap(), faultMprotect(),
        mprotectAccess(), mprotectPagein(), munmapPagein(), remapPagein(), mlockFault(), munlockFault(),
        mlockMprotect(), mlockMunmap(), mmapStore());
  }

  private static Scenario faultMunmap() {
    return Scenario.of(
        "fault-munmap",
        "One thread faults on a page while another unmaps it; nothing may stay behind.",
        "D7T D16aT R26 R29 I-34 I-41 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1);
          KernReturn[] result = new KernReturn[1];
          w.actor("fault", () -> result[0] = s.write(P));
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS || result[0] == KernReturn.INVALID_ADDRESS;
                w.require(ok, "fault: " + result[0]);
                w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page is there after munmap");
              });
        });
  }

  private static Scenario munmapAccess() {
    return Scenario.of(
        "munmap-access",
        "One processor loads through its TLB while the page is unmapped by another thread and its frame is "
            + "given away.",
        "D7T R25 I-36 I-41 I-42 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          long[] seen = new long[2];
          w.userActor(
              "load",
              s,
              u -> {
                seen[0] = u.load(P);
                seen[1] = u.load(P);
              });
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                w.expect("first load", seen[0], 1, User.REFUSED);
                w.expect("second load after " + seen[0], seen[1], seen[0], User.REFUSED);
              });
        });
  }

  private static Scenario munmapReuse() {
    return Scenario.of(
        "munmap-reuse",
        "A page is unmapped and its frame goes to a new page at once, while a processor stores through its TLB "
            + "to where it was.",
        "D7T R25 I-41 I-42 I-63",
        WorldShape.ofFrames(4),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1);
          AddressSpace other = w.space("other").mapDefault(P, 1);
          w.hoard(1);
          w.userActor("store", s, u -> u.store(P, 7));
          w.actor(
              "munmap-fault",
              () -> {
                w.must(s.unmap(P, 1));
                w.must(other.write(P));
              });
          w.check(() -> w.expect("new page", other.get(P), 0));
        });
  }

  private static Scenario munmapMunmap() {
    return Scenario.of(
        "munmap-munmap",
        "Two threads unmap overlapping ranges: every page goes once.",
        "R29 I-20 I-41 I-53",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 3).set(P + 1, 1);
          w.actor("munmap-a", () -> w.must(s.unmap(P, 2)));
          w.actor("munmap-b", () -> w.must(s.unmap(P + 1, 2)));
          w.check(
              () -> {
                w.expect("entries", s.vmspace().map().entryCount(), 0);
                w.expect("frames in use", w.framesInUse(), 0);
              });
        });
  }

  private static Scenario munmapHole() {
    return Scenario.of(
        "munmap-hole",
        "A process unmaps a range with a hole in it while another with the same address space stores behind the hole: "
            + "nothing of the range stays.",
        "D7T D16aT R26 I-34 I-41 I-53 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1).mapSwap(P + 2, 1);
          CallResult[] result = new CallResult[1];
          w.processActor("munmap", s, p -> result[0] = p.munmap(P, 3));
          w.processActor("store", s, p -> p.store(P + 2, 2));
          w.check(
              () -> {
                w.require(result[0] == CallResult.OK, "munmap of a range with a hole: " + result[0]);
                w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page before the hole is there after munmap");
                w.require(s.read(P + 2) == KernReturn.INVALID_ADDRESS, "page after the hole is there after munmap");
                w.expect("frames in use", w.framesInUse(), 0);
              });
        });
  }

  private static Scenario mapMap() {
    return Scenario.of(
        "map-map",
        "Two threads map neighbouring zero-filled memory: entries are made or extended, none is lost.",
        "R33 I-53 I-54",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both");
          w.actor("map-a", () -> s.mapZero(P, 1));
          w.actor("map-b", () -> s.mapZero(P + 1, 1));
          w.check(
              () -> {
                w.expect("first page", s.get(P), 0);
                w.expect("second page", s.get(P + 1), 0);
              });
        });
  }

  private static Scenario faultMprotect() {
    return Scenario.of(
        "fault-mprotect",
        "One thread faults for writing while another makes the page read-only: afterwards no translation allows "
            + "stores.",
        "D7T D16bT R26 I-35 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1);
          KernReturn[] result = new KernReturn[1];
          w.actor("fault", () -> result[0] = s.write(P));
          w.actor("mprotect", () -> w.must(s.protect(P, 1, VmProt.READ)));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS || result[0] == KernReturn.PROTECTION_FAILURE;
                w.require(ok, "fault: " + result[0]);
                w.require(!s.isWritable(P), "page is writable after mprotect");
                w.require(s.write(P) == KernReturn.PROTECTION_FAILURE, "page can be written after mprotect");
              });
        });
  }

  private static Scenario mprotectAccess() {
    return Scenario.of(
        "mprotect-access",
        "A processor stores twice while another thread makes the page read-only: once mprotect has returned, "
            + "nothing is stored.",
        "D7T R25 I-35 I-36 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1);
          long[] atReturn = new long[1];
          w.userActor(
              "store",
              s,
              u -> {
                u.store(P, 2);
                u.store(P, 3);
              });
          w.actor(
              "mprotect",
              () -> {
                w.must(s.protect(P, 1, VmProt.READ));
                atReturn[0] = s.word(P);
              });
          w.check(() -> w.expect("page", s.get(P), atReturn[0]));
        });
  }

  private static Scenario mprotectPagein() {
    return Scenario.of(
        "mprotect-pagein",
        "A page comes from swap for a store while it becomes read-only: the second lookup withdraws what the "
            + "first allowed.",
        "D7T D37T D21T D42F R34 I-35 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          new PageSteps(w).pageOut(s.object(P), 0);
          w.actor("fault", () -> s.write(P));
          w.actor("mprotect", () -> w.must(s.protect(P, 1, VmProt.READ)));
          w.check(
              () -> {
                w.require(!s.isWritable(P), "page is writable after mprotect");
                w.expect("page", s.get(P), 1);
              });
        });
  }

  private static Scenario munmapPagein() {
    return Scenario.of(
        "munmap-pagein",
        "A page comes from swap while it is unmapped: the object ends once its paging has.",
        "D21T D38T D2T D1F R29 I-21 I-31 I-44 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          new PageSteps(w).pageOut(s.object(P), 0);
          w.actor("fault", () -> s.read(P));
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page is there after munmap");
                w.expect("swap in use", w.swapInUse(), 0);
              });
        });
  }

  private static Scenario remapPagein() {
    return Scenario.of(
        "remap-pagein",
        "A page comes from swap while other memory is mapped in its place: the fault starts over, and nobody "
            + "sees the old page there.",
        "D21T D39aT R29 R33 I-34 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 1);
          new PageSteps(w).pageOut(s.object(P), 0);
          w.actor("fault", () -> w.must(s.read(P)));
          w.actor("mmap", () -> s.mapDefault(P, 1));
          w.check(() -> w.expect("page", s.get(P), 0));
        });
  }

  private static Scenario mlockFault() {
    return Scenario.of(
        "mlock-fault",
        "One thread wires a page while another faults on it: whoever sets the Wired bit takes the one unit of "
            + "wiring.",
        "D9T D44T D45T D46T R3 R34 R35 I-6 I-8 I-40",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1);
          w.actor("mlock", () -> w.must(s.wire(P, 1)));
          w.actor("fault", () -> w.must(s.read(P)));
          w.check(
              () -> {
                w.expect("wired pages", w.wired(), 1);
                w.must(s.unwire(P, 1));
              });
        });
  }

  private static Scenario munlockFault() {
    return Scenario.of(
        "munlock-fault",
        "One thread unwires a page while another faults on it: the page is on a queue afterwards, and its unit "
            + "is gone.",
        "D9T D55T D56F R23 R35 I-6 I-8 I-40",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1);
          w.must(s.wire(P, 1));
          w.actor("munlock", () -> w.must(s.unwire(P, 1)));
          w.actor("fault", () -> w.must(s.write(P)));
          w.check(() -> w.expect("wired pages", w.wired(), 0));
        });
  }

  private static Scenario mlockMprotect() {
    return Scenario.of(
        "mlock-mprotect",
        "One thread wires a page while another makes it read-only: it is wired whole, or not at all.",
        "D9T D44T D53T R34 I-35 I-40 I-57",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1);
          KernReturn[] result = new KernReturn[1];
          w.actor("mlock", () -> result[0] = s.wire(P, 1));
          w.actor("mprotect", () -> w.must(s.protect(P, 1, VmProt.READ)));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS;
                w.require(ok || result[0] == KernReturn.PROTECTION_FAILURE, "mlock: " + result[0]);
                w.expect("wired pages", w.wired(), ok ? 1 : 0);
              });
        });
  }

  private static Scenario mlockMunmap() {
    return Scenario.of(
        "mlock-munmap",
        "One thread wires two pages while another unmaps the second: the first is wired, or none.",
        "D9T D44T D45T R29 R34 I-40 I-53",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 2);
          KernReturn[] result = new KernReturn[1];
          w.actor("mlock", () -> result[0] = s.wire(P, 2));
          w.actor("munmap", () -> w.must(s.unmap(P + 1, 1)));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS;
                w.expect("wired pages", w.wired(), ok ? 1 : 0);
              });
        });
  }

  private static Scenario mmapStore() {
    return Scenario.of(
        "mmap-store",
        "A processor stores where memory that allows no stores is replaced by other such memory: it is refused, "
            + "whenever it comes.",
        "R33 I-53 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapReadOnly(P, 1);
          boolean[] stored = new boolean[1];
          w.userActor("store", s, u -> stored[0] = u.store(P, 7));
          w.actor("mmap", () -> s.mapReadOnly(P, 1));
          w.check(
              () -> {
                w.require(!stored[0], "stored into memory that allows no stores");
                w.expect("new page", s.get(P), 0);
              });
        });
  }
}
