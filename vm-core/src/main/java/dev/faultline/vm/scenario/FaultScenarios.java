package dev.faultline.vm.scenario;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import java.util.List;

/** Faults against faults, and what they share: frames, page-table pages, the map, counters. */
final class FaultScenarios {
  private static final int P = 16; // the page that all is about

  private FaultScenarios() {}

  static List<Scenario> all() {
    return List.of(
        twoFaulters(), defaultFaulters(), threeFaulters(), brkFaulters(), readWrite(), softFaulters(), tablePage(),
        tablePageRemoval(), twoSpaces(), faultCounters(), partialPage(), cachedFaulters());
  }

  private static Scenario twoFaulters() {
    return Scenario.of(
        "two-faulters",
        "Two threads of one address space touch the same new page; both must get the same frame of zeros.",
        "D16aT D21F D37T R3 R4 I-9 I-12 I-22",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.write(P)));
          w.check(() -> w.expect("new page", s.get(P), 0));
        });
  }

  private static Scenario defaultFaulters() {
    return Scenario.of(
        "default-faulters",
        "Two threads touch the same new page of an object without a pager: no relookup, nothing to wait for but "
            + "the page.",
        "D16aF D16bT D20aF D37F R3 I-9 I-12",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.write(P)));
          w.check(() -> w.expect("new page", s.get(P), 0));
        });
  }

  private static Scenario threeFaulters() {
    return Scenario.of(
        "three-faulters",
        "Three threads touch the same new page: one supplies it, two may sleep on it, and both wake.",
        "D12aT D13T D5T R3 R4 I-12 I-14 I-58",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("all").mapDefault(P, 1);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.actor("fault-c", () -> w.must(s.read(P)));
          w.check(() -> w.expect("new page", s.get(P), 0));
        });
  }

  private static Scenario brkFaulters() {
    return Scenario.of(
        "brk-faulters",
        "Two threads touch memory that has no object yet: one upgrades the map lock and makes it, the other "
            + "starts over.",
        "D16bT D29T R2 I-9 I-20 I-53",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapZero(P, 1);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.write(P)));
          w.check(() -> w.expect("new page", s.get(P), 0));
        });
  }

  private static Scenario readWrite() {
    return Scenario.of(
        "read-write",
        "One thread reads a new page while another stores into it through a processor: the store stays, whoever "
            + "made the page.",
        "D12aT D41T D42T D43T D43F R26 I-33 I-43",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1);
          w.actor("reader", () -> w.must(s.read(P)));
          w.userActor("writer", s, u -> w.require(u.store(P, 7), "store refused"));
          w.check(() -> w.expect("page", s.get(P), 7));
        });
  }

  private static Scenario softFaulters() {
    return Scenario.of(
        "soft-faulters",
        "Two threads fault on a page that is resident and mapped: both claim it in turn and enter what is there "
            + "already.",
        "D11T D12aT D37F D46T R3 R35 I-6 I-8 I-12",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.check(() -> w.expect("page", s.get(P), 1));
        });
  }

  private static Scenario tablePage() {
    return Scenario.of(
        "table-page",
        "Two threads touch neighbouring pages of an address space without page tables: both need the same page- "
            + "table page.",
        "D16bT D42T R26 I-32 I-39",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 2);
          w.actor("fault-a", () -> w.must(s.write(P)));
          w.actor("fault-b", () -> w.must(s.write(P + 1)));
          w.check(
              () -> {
                w.expect("first page", s.get(P), 0);
                w.expect("second page", s.get(P + 1), 0);
                w.expect("mappings", s.vmspace().pmap().residentCount(), 2);
              });
        });
  }

  private static Scenario tablePageRemoval() {
    return Scenario.of(
        "table-page-removal",
        "One thread makes the first translation in a page-table page while another removes the last one from "
            + "it.",
        "D42T R26 I-32 I-39 I-41",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapDefault(P, 1).set(P, 1).mapDefault(P + 1, 1);
          w.actor("fault", () -> w.must(s.write(P + 1)));
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                w.expect("mappings", s.vmspace().pmap().residentCount(), 1);
                w.expect("new page", s.get(P + 1), 0);
              });
        });
  }

  private static Scenario twoSpaces() {
    return Scenario.of(
        "two-spaces",
        "Two address spaces share one object and touch the same page of it: references and pip of one object, one "
            + "frame for both.",
        "D12aT D16bT R2 R3 I-9 I-20 I-22 I-61",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace a = w.space("a").mapDefault(P, 1).inherit(P, 1, Inheritance.SHARE);
          AddressSpace b = a.fork();
          w.actor("fault-a", () -> w.must(a.write(P)));
          w.actor("fault-b", () -> w.must(b.read(P)));
          w.check(
              () -> {
                a.set(P, 3);
                w.expect("page of the other", b.get(P), 3);
              });
        });
  }

  private static Scenario faultCounters() {
    return Scenario.of(
        "fault-counters",
        "Two threads fault on pages of their own: events are counted once each, and so are frames.",
        "D16bT D31T R1 R7 I-7 I-8",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace a = w.space("a").mapDefault(P, 1);
          AddressSpace b = w.space("b").mapDefault(P, 1);
          long faults = w.kernel().events(Event.VM_FAULTS);
          long zeroed = w.kernel().events(Event.ZFOD);
          int used = w.framesInUse();
          w.actor("fault-a", () -> w.must(a.write(P)));
          w.actor("fault-b", () -> w.must(b.write(P)));
          w.check(
              () -> {
                w.expect("faults", w.kernel().events(Event.VM_FAULTS) - faults, 2);
                w.expect("zero fills", w.kernel().events(Event.ZFOD) - zeroed, 2);
                w.expect("frames taken", w.framesInUse() - used, 2);
              });
        });
  }

  private static Scenario partialPage() {
    return Scenario.of(
        "partial-page",
        "Two threads fault on a page of which one chunk is valid: the rest is filled, the chunk stays.",
        "D12aT D15aT D15bT R37 I-16 I-17",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 7);
          PageSteps steps = new PageSteps(w);
          steps.leaveFirstChunk(s.object(P), 0);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.write(P)));
          w.check(() -> w.expect("valid chunk", s.get(P), 7));
        });
  }

  private static Scenario cachedFaulters() {
    return Scenario.of(
        "cached-faulters",
        "Two threads fault on a page of the cache queue: one rescues it, the other waits or finds it mapped.",
        "D14aT D14bF D12aT R6 I-5 I-12",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("both").mapSwap(P, 1).set(P, 7);
          PageSteps steps = new PageSteps(w);
          VmObject o = s.object(P);
          steps.write(o, 0, Cleaner.How.FORCE);
          steps.cache(o, 0);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.check(() -> w.expect("page", s.get(P), 7));
        });
  }
}
