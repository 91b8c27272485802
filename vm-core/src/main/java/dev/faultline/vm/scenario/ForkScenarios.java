package dev.faultline.vm.scenario;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.proc.CallResult;
import java.util.List;

/** Forks against what happens in the parent meanwhile; memory that goes on being shared; ends. */
final class ForkScenarios {
  private static final int P = 16; // the page that all is about

  private ForkScenarios() {}

  static List<Scenario> all() {
    return List.of(
        forkStore(), forkTouch(), forkFork(), forkMunmap(), forkWired(), forkWiredProtect(), vforkStore(), shareMap(),
        shareCopy(), exitExit(), exitChain(), chainFault(), chainCollapse(), chainSwap(), exitFault(), exitPagein());
  }

  private static Scenario forkStore() {
    return Scenario.of(
        "fork-store",
        "A parent forks on one thread and stores on another; the child sees the page before or after the store, "
            + "and none of the parent's later ones.",
        "D34T R25 I-36 I-37 I-62",
        WorldShape.ofFrames(16),
        w -> {
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
                w.expect("child's page", child[0].get(P), 1, 2, 3);
                w.expect("parent's page", s.get(P), 3);
              });
        });
  }

  private static Scenario forkTouch() {
    return Scenario.of(
        "fork-touch",
        "A parent forks on one thread and touches new memory on another: the child gets zeros, and pages of its "
            + "own.",
        "D16bT D29T R2 I-37 I-55 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapZero(P, 1);
          AddressSpace[] child = new AddressSpace[1];
          w.actor("touch", () -> w.must(s.write(P)));
          w.actor("fork", () -> child[0] = s.fork());
          w.check(
              () -> {
                s.set(P, 2);
                w.expect("child's page", child[0].get(P), 0);
                child[0].set(P, 3);
                w.expect("parent's page", s.get(P), 2);
              });
        });
  }

  private static Scenario forkFork() {
    return Scenario.of(
        "fork-fork",
        "Two threads of a parent fork at the same time; one object gets two more references and everybody sees "
            + "the page.",
        "R2 I-20 I-55 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapDefault(P, 1).set(P, 1);
          AddressSpace[] child = new AddressSpace[2];
          w.actor("fork-a", () -> child[0] = s.fork());
          w.actor("fork-b", () -> child[1] = s.fork());
          w.check(
              () -> {
                s.set(P, 2);
                w.expect("first child's page", child[0].get(P), 1);
                w.expect("second child's page", child[1].get(P), 1);
              });
        });
  }

  private static Scenario forkMunmap() {
    return Scenario.of(
        "fork-munmap",
        "A parent forks on one thread and unmaps on another: the child has the page, or nothing is there.",
        "R29 I-20 I-53 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapDefault(P, 1).set(P, 1);
          AddressSpace[] child = new AddressSpace[1];
          w.actor("fork", () -> child[0] = s.fork());
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(
              () -> {
                w.require(s.read(P) == KernReturn.INVALID_ADDRESS, "page is there after munmap");
                KernReturn r = child[0].read(P);
                w.require(r == KernReturn.INVALID_ADDRESS || child[0].get(P) == 1, "child's page: " + r);
              });
        });
  }

  private static Scenario forkWired() {
    return Scenario.of(
        "fork-wired",
        "A parent stores into wired memory while it is copied at fork: the child has the word from before or "
            + "after.",
        "D57T D58F R21b I-6 I-40 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapDefault(P, 1).set(P, 1);
          w.must(s.wire(P, 1));
          AddressSpace[] child = new AddressSpace[1];
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("fork", () -> child[0] = s.fork());
          w.check(
              () -> {
                w.expect("parent's page", s.get(P), 2);
                new PageSteps(w).freeIfClean(child[0].object(P), 0);
                w.expect("child's page under memory pressure", child[0].get(P), 1, 2);
              });
        });
  }

  private static Scenario vforkStore() {
    return Scenario.of(
        "vfork-store",
        "The child of a vfork stores into the address space that it has from its parent while a third process with "
            + "that address space loads: all see the store, and the address space outlives the child.",
        "R41 I-36 I-57 I-61",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("all").mapSwap(P, 1).set(P, 1);
          CallResult[] result = new CallResult[1];
          long[] seen = new long[2];
          w.processActor(
              "vfork",
              s,
              p -> {
                result[0] = p.vfork(child -> child.store(P, 2));
                seen[0] = p.load(P);
              });
          w.processActor("load", s, p -> seen[1] = p.load(P));
          w.check(
              () -> {
                w.require(result[0] == CallResult.OK, "vfork: " + result[0]);
                w.expect("what the parent sees", seen[0], 2);
                w.expect("what the third process sees", seen[1], 1, 2);
                w.expect("page", s.get(P), 2);
              });
        });
  }

  private static Scenario shareMap() {
    return Scenario.of(
        "share-map",
        "Parent and child fault on memory that they go on sharing: one object under a share map, one page.",
        "D16bT R2 I-54 I-61",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapZero(P, 1).inherit(P, 1, Inheritance.SHARE);
          AddressSpace child = parent.fork();
          w.actor("parent", () -> w.must(parent.write(P)));
          w.actor("child", () -> w.must(child.write(P)));
          w.check(
              () -> {
                parent.set(P, 5);
                w.expect("child's page", child.get(P), 5);
              });
        });
  }

  private static Scenario shareCopy() {
    return Scenario.of(
        "share-copy",
        "A fork copies memory that had been shared with a child which is gone, while the parent stores into it.",
        "D34T R25 I-37 I-54 I-62",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapZero(P, 1).inherit(P, 1, Inheritance.SHARE);
          AddressSpace gone = s.fork();
          s.set(P, 1);
          gone.free();
          s.inherit(P, 1, Inheritance.COPY);
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
                w.expect("parent's page", s.get(P), 3);
                w.expect("child's page", child[0].get(P), 1, 2, 3);
              });
        });
  }

  private static Scenario exitExit() {
    return Scenario.of(
        "exit-exit",
        "Parent and child end at the same time: one chain of objects loses both its ends.",
        "R18 I-20 I-25 I-27 I-31",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          w.actor("parent", parent::free);
          w.actor("child", child::free);
          w.check(
              () -> w.expect("frames in use", w.framesInUse(), 0));
        });
  }

  private static Scenario exitChain() {
    return Scenario.of(
        "exit-chain",
        "Two of three generations end at the same time, the middle one too; the youngest keeps what it saw.",
        "R18 R19 I-20 I-24 I-25 I-31 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 3).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          AddressSpace grandchild = child.fork();
          w.must(grandchild.write(P + 2));
          w.actor("parent", parent::free);
          w.actor("child", child::free);
          w.check(() -> w.expect("grandchild's page", grandchild.get(P), 1));
        });
  }

  private static Scenario chainFault() {
    return Scenario.of(
        "chain-fault",
        "A fault walks down three levels while the owner of the middle one ends, and the level goes with it.",
        "D29F D32T D34T D50T R13 R18 I-22 I-31 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 3).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          AddressSpace grandchild = child.fork();
          w.must(grandchild.write(P + 2));
          w.actor("fault", () -> w.must(grandchild.read(P)));
          w.actor("exit", child::free);
          w.check(() -> w.expect("grandchild's page", grandchild.get(P), 1));
        });
  }

  private static Scenario chainCollapse() {
    return Scenario.of(
        "chain-collapse",
        "A fault walks down three levels while the owner of the lowest ends, and the middle one takes its page up.",
        "D29F D32T R13 R18 R19 I-22 I-31 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 3).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          AddressSpace grandchild = child.fork();
          w.must(grandchild.write(P + 2));
          w.actor("fault", () -> w.must(grandchild.read(P)));
          w.actor("exit", parent::free);
          w.check(() -> w.expect("grandchild's page", grandchild.get(P), 1));
        });
  }

  private static Scenario exitFault() {
    return Scenario.of(
        "exit-fault",
        "A sharer ends while another faults on the page that they share: the object, its page and its wakers "
            + "outlive it.",
        "D11T R2 R19 I-20 I-27 I-41",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace a = w.space("a").mapDefault(P, 1).inherit(P, 1, Inheritance.SHARE);
          AddressSpace b = a.fork();
          a.set(P, 1);
          w.actor("exit", a::free);
          w.actor("fault", () -> w.must(b.read(P)));
          w.check(() -> w.expect("page", b.get(P), 1));
        });
  }

  private static Scenario exitPagein() {
    return Scenario.of(
        "exit-pagein",
        "The child reads a page of its parent's from swap while the parent ends: the collapse waits for the "
            + "paging.",
        "D21T D22T D34T D6T R18 R29 I-21 I-22 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 2).set(P, 1);
          AddressSpace child = parent.fork();
          w.must(child.write(P + 1)); // gives it a shadow
          new PageSteps(w).pageOut(parent.object(P), 0);
          w.actor("fault", () -> w.must(child.read(P)));
          w.actor("exit", parent::free);
          w.check(() -> w.expect("child's page", child.get(P), 1));
        });
  }

  private static Scenario forkWiredProtect() {
    return Scenario.of(
        "fork-wired-protect",
        "Wired memory is copied at fork while another thread makes it read-only: the child may store into its copy "
            + "only if its own mapping says so.",
        "D57T D58F R21b I-6 I-35 I-40 I-63",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace s = w.space("parent").mapDefault(P, 1).set(P, 1);
          w.must(s.wire(P, 1));
          AddressSpace[] child = new AddressSpace[1];
          w.actor("fork", () -> child[0] = s.fork());
          w.actor("mprotect", () -> w.must(s.protect(P, 1, VmProt.READ)));
          w.check(
              () -> {
                w.require(!s.isWritable(P), "parent may store after mprotect");
                boolean entered = child[0].isWritable(P);
                w.require(!entered || child[0].write(P) == KernReturn.SUCCESS, "child may store though it must not");
                w.expect("child's page", child[0].get(P), 1);
              });
        });
  }

  private static Scenario chainSwap() {
    return Scenario.of(
        "chain-swap",
        "A fault walks down to its parent's object while that gets a pager: a page of it is written to swap for the "
            + "first time.",
        "D16aF D16bF D29F R11 R13 I-21 I-22 I-48",
        WorldShape.ofFrames(16),
        w -> {
          AddressSpace parent = w.space("parent").mapDefault(P, 3).set(P, 1).set(P + 1, 2);
          AddressSpace child = parent.fork();
          w.must(child.write(P)); // gives it a shadow
          w.actor("fault", () -> w.must(child.read(P + 2)));
          w.actor("pageout", () -> new PageSteps(w).write(parent.object(P), 0, Cleaner.How.FORCE));
          w.check(
              () -> {
                w.expect("child's new page", child.get(P + 2), 0);
                w.expect("parent's page", parent.get(P + 1), 2);
              });
        });
  }
}
