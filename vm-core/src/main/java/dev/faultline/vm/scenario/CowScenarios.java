package dev.faultline.vm.scenario;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.List;

/** Copies on write: faults on both sides of a fork, through chains, against what changes the mapping. */
final class CowScenarios {
  private static final int P = 16; // the page that all is about

  private CowScenarios() {}

  static List<Scenario> all() {
    return List.of(
        cowBoth(), cowRead(), cowFaulters(), mapUpgrade(), cowCoherence(), cowChain(), cowExit(), cowProtect(),
        cowPlaceholder());
  }

  private static Scenario cowBoth() {
    return Scenario.of(
        "cow-both",
        "Parent and child store into a page that they share copy-on-write; each must see its own.",
        "D34T D35T R16 R21 I-37 I-38 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapSwap(P, 1).set(P, 1);
          AddressSpace child = parent.fork();
          w.userActor("parent", parent, u -> u.store(P, 2));
          w.userActor("child", child, u -> u.store(P, 3));
          w.check(
              () -> {
                w.expect("parent's page", parent.get(P), 2);
                w.expect("child's page", child.get(P), 3);
              });
        });
  }

  private static Scenario cowRead() {
    return Scenario.of(
        "cow-read",
        "The parent stores into a page shared copy-on-write while the child reads it.",
        "D34T D35T R16 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapSwap(P, 1).set(P, 1);
          AddressSpace child = parent.fork();
          long[] seen = new long[1];
          w.userActor("parent", parent, u -> u.store(P, 2));
          w.userActor("child", child, u -> seen[0] = u.load(P));
          w.check(
              () -> {
                w.expect("parent's page", parent.get(P), 2);
                w.expect("what the child saw", seen[0], 1);
                w.expect("child's page", child.get(P), 1);
              });
        });
  }

  private static Scenario cowFaulters() {
    return Scenario.of(
        "cow-faulters",
        "Parent and child fault for writing on a page that they share copy-on-write, without a processor.",
        "D34T D35T D12aT R3 R16 I-22 I-37",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 1).set(P, 1);
          AddressSpace child = parent.fork();
          w.actor("parent", () -> w.must(parent.write(P)));
          w.actor("child", () -> w.must(child.write(P)));
          w.check(
              () -> {
                w.expect("parent's page", parent.get(P), 1);
                w.expect("child's page", child.get(P), 1);
              });
        });
  }

  private static Scenario mapUpgrade() {
    return Scenario.of(
        "map-upgrade",
        "Two threads of the child fault for writing on its untouched copy: both must upgrade the map lock, one "
            + "makes the shadow.",
        "D35T D34T R32 I-24 I-53 I-55",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 1).set(P, 1);
          AddressSpace child = parent.fork();
          w.actor("write-a", () -> w.must(child.write(P)));
          w.actor("write-b", () -> w.must(child.write(P)));
          w.check(
              () -> {
                w.expect("parent's page", parent.get(P), 1);
                w.expect("child's page", child.get(P), 1);
              });
        });
  }

  private static Scenario cowCoherence() {
    return Scenario.of(
        "cow-coherence",
        "One thread of the child stores while another loads twice: once it has seen the store it never sees the "
            + "old page again.",
        "D35T D34T R25 I-36 I-61",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 1).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.read(P));
          long[] seen = new long[2];
          w.userActor("store", child, u -> u.store(P, 2));
          w.userActor(
              "load",
              child,
              u -> {
                seen[0] = u.load(P);
                seen[1] = u.load(P);
              });
          w.check(
              () -> {
                w.expect("first load", seen[0], 1, 2);
                w.expect("second load after " + seen[0], seen[1], seen[0], 2);
                w.expect("child's page", child.get(P), 2);
                w.expect("parent's page", parent.get(P), 1);
              });
        });
  }

  private static Scenario cowChain() {
    return Scenario.of(
        "cow-chain",
        "The child writes and the grandchild reads a page that is the parent's, two levels down.",
        "D32T D32F D35T D35F D50T R13 I-24 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          AddressSpace grandchild = child.fork();
          w.must(grandchild.write(P + 1));
          w.actor("child", () -> w.must(child.write(P)));
          w.actor("grandchild", () -> w.must(grandchild.read(P)));
          w.check(
              () -> {
                w.expect("child's page", child.get(P), 1);
                w.expect("grandchild's page", grandchild.get(P), 1);
              });
        });
  }

  private static Scenario cowExit() {
    return Scenario.of(
        "cow-exit",
        "The child copies a page of its parent's while the parent ends: what is left of the parent's object is "
            + "collapsed once.",
        "D34T D35T R16 R18 I-20 I-25 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1).set(P + 1, 2);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          w.actor("write", () -> w.must(child.write(P)));
          w.actor("exit", parent::free);
          w.check(
              () -> {
                w.expect("copied page", child.get(P), 1);
                w.expect("page copied before", child.get(P + 1), 2);
              });
        });
  }

  private static Scenario cowProtect() {
    return Scenario.of(
        "cow-protect",
        "A copy is made while its mapping becomes read-only: nobody stores into it, but it is the only one when "
            + "the parent has ended.",
        "D35T D37T D42F R21 I-17 I-35 I-47",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1);
          AddressSpace child = parent.fork().set(P + 1, 9);
          VmObject top = child.object(P);
          PageSteps steps = new PageSteps(w);
          steps.pageOut(top, 1); // gives it a pager, so that faults look the map up again
          w.actor("write", () -> child.write(P));
          w.actor("mprotect", () -> w.must(child.protect(P, 1, VmProt.READ)));
          w.check(
              () -> {
                parent.free();
                steps.freeIfClean(top, 0);
                w.expect("child's page", child.get(P), 1);
              });
        });
  }

  private static Scenario cowPlaceholder() {
    return Scenario.of(
        "cow-placeholder",
        "One fault copies a page and collapses what is quiet, while another stands in the same object with an "
            + "empty page.",
        "D35T D27F D28T R16 R20 I-22 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 3).set(P, 1).set(P + 1, 2);
          AddressSpace child = parent.fork().set(P + 2, 9);
          VmObject top = child.object(P);
          PageSteps steps = new PageSteps(w);
          steps.pageOut(top, 2); // gives it a pager
          steps.whileBusy(parent.object(P), 0, parent::free); // so that its end cannot collapse anything
          w.actor("copy", () -> w.must(child.write(P)));
          w.actor("read", () -> w.must(child.read(P + 1)));
          w.check(
              () -> {
                w.expect("copied page", child.get(P), 1);
                w.expect("page below", child.get(P + 1), 2);
              });
        });
  }
}
