package dev.faultline.vm.pmap;

import static dev.faultline.vm.pmap.PmapWorld.PAGE;
import static dev.faultline.vm.pmap.PmapWorld.loads;
import static dev.faultline.vm.pmap.PmapWorld.stores;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.bed.SteppedStrands;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What comes in between: a processor's access, or another processor's whole operation, at every schedule point of an
 * operation. M is never lost (I-43), and what an operation has taken away is gone when it returns.
 */
@Timeout(60)
final class PmapStepTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long VA = 0x10000;
  private static final long NEXT = VA + PAGE;
  private static final Defect[] NONE = {};

  /** What is in the TLB of the first pmap's processor before the operation. */
  private enum Tlb {
    EMPTY,
    READ,
    STORED
  }

  /** Two pmaps, each loaded by a processor, that both map page m writable at VA; the first maps page n behind it. */
  private static final class Scene implements AutoCloseable {
    final SteppedStrands strands = new SteppedStrands();
    final PmapWorld w;
    final Pmap a;
    final Pmap b;
    final Cpu cpuA;
    final Cpu cpuB;
    final VmPage m;
    final VmPage n;
    final VmPage other;
    long snapshot; // what the cleaner took to the disk
    long last; // what the last store that went through stored, and
    VmPage hit; // where

    Scene(Mode mode, MmuOptions mmu, Tlb tlb, boolean wired, Defect... defects) {
      w = new PmapWorld(mode, strands, mmu, defects);
      a = w.pmaps.create("a");
      b = w.pmaps.create("b");
      cpuA = w.cpu(1);
      cpuB = w.cpu(2);
      a.activate(cpuA);
      b.activate(cpuB);
      m = w.page();
      n = w.page();
      other = w.page();
      w.enter(a, VA, m, RW, wired);
      w.enter(a, NEXT, n, RW, false);
      w.enter(b, VA, m, RW, false);
      if (tlb == Tlb.READ) {
        assertThat(loads(cpuA, VA)).isTrue();
      } else if (tlb == Tlb.STORED) {
        store(1);
      }
    }

    /** Stores through the first pmap, if that goes through. */
    boolean store(long value) {
      boolean done = stores(cpuA, VA, value);
      if (done) {
        last = value;
        hit = w.word(m) == value ? m : other; // every value is stored once
        assertThat(w.word(hit)).isEqualTo(value);
      }
      return done;
    }

    /** I-43: the last store is marked somewhere, or was in what the cleaner took. */
    void checkModified() {
      if (hit != null && !(hit == m && snapshot == last)) {
        boolean marked = hit.dirty() == VmPage.ALL_CHUNKS || w.pmaps.isModified(hit);
        assertThat(marked).as("I-43: store of %d is marked in %s", last, hit).isTrue();
      }
    }

    /** I-33, which holds at any instant, as a page-based operation first looks at the flags without PV (R26). */
    void checkFlags() {
      for (Pmap p : List.of(a, b)) {
        for (long va : new long[] {VA, NEXT}) {
          long word = p.word(va);
          if (word != 0) {
            int flags = w.pages.page(Pte.frame(word)).pvFlags;
            int needed = (word & Pte.W) != 0 ? VmPage.PV_MAPPED | VmPage.PV_WRITEABLE : VmPage.PV_MAPPED;
            assertThat(flags & needed).as("I-33: %s in %s", Pte.toString(word), p).isEqualTo(needed);
          }
        }
      }
    }

    void clean() {
      w.owner.lock.lock();
      try {
        w.pmaps.protect(m, VmProt.READ);
        w.pages.testDirty(m);
        if (m.dirty() != 0) {
          snapshot = w.word(m);
          m.clearDirty(VmPage.ALL_CHUNKS);
          w.pmaps.clearModify(m);
        }
      } finally {
        w.owner.lock.unlock();
      }
    }

    void allButWired() {
      w.owner.lock.lock();
      try {
        w.pmaps.removeAllButWired(m);
      } finally {
        w.owner.lock.unlock();
      }
    }

    @Override
    public void close() {
      w.close();
    }
  }

  /** An operation; what holds at once when it returns, and for as long as nothing is entered. */
  private enum Op {
    PAGE_NONE {
      @Override
      void run(Scene s) {
        s.w.pmaps.protect(s.m, VmProt.NONE); // as its busy owner: without O
      }

      @Override
      void after(Scene s) {
        denied(s, true, true);
        assertThat(loads(s.cpuA, VA)).isFalse();
        assertThat(s.m.pvFlags).isZero();
      }
    },
    PAGE_READ {
      @Override
      void run(Scene s) {
        s.w.pmaps.protect(s.m, VmProt.READ); // as its busy owner, or under O beside one: without O
      }

      @Override
      void after(Scene s) {
        denied(s, true, true);
        assertThat(s.m.pvFlags & VmPage.PV_WRITEABLE).isZero();
      }
    },
    CLEAN {
      @Override
      void run(Scene s) {
        s.clean();
      }

      @Override
      void after(Scene s) {
        denied(s, true, true);
        if (s.snapshot != 0) {
          assertThat(s.w.word(s.m)).as("nothing is stored behind the cleaner's back").isEqualTo(s.snapshot);
        }
      }
    },
    ALL_BUT_WIRED {
      @Override
      void run(Scene s) {
        s.allButWired();
      }

      @Override
      void after(Scene s) {
        denied(s, s.m.wireCount() == 0, true);
      }
    },
    CLEAR_REFERENCE {
      @Override
      void run(Scene s) {
        s.w.pmaps.clearReference(s.m);
      }

      @Override
      void after(Scene s) {}
    },
    REMOVE {
      @Override
      void run(Scene s) {
        s.a.remove(0, 1L << 40);
      }

      @Override
      void after(Scene s) {
        denied(s, true, false);
        assertThat(loads(s.cpuA, NEXT)).isFalse();
        assertThat(s.a.residentCount()).isZero();
        assertThat(s.a.wiredCount()).isZero();
      }
    },
    PROTECT {
      @Override
      void run(Scene s) {
        s.a.protect(VA, NEXT + PAGE, VmProt.READ);
      }

      @Override
      void after(Scene s) {
        denied(s, true, false);
      }
    },
    PROTECT_ONE {
      @Override
      void run(Scene s) {
        s.a.protect(VA, NEXT, VmProt.READ);
      }

      @Override
      void after(Scene s) {
        denied(s, true, false);
      }
    },
    ENTER_READ {
      @Override
      void run(Scene s) {
        s.w.enter(s.a, VA, s.m, VmProt.READ, false);
      }

      @Override
      void after(Scene s) {
        denied(s, true, false);
      }
    },
    ENTER_OTHER {
      @Override
      void run(Scene s) {
        s.w.enter(s.a, VA, s.other, RW, false);
      }

      @Override
      void after(Scene s) {
        long before = s.w.word(s.m);
        assertThat(s.store(before + 1000)).isTrue();
        assertThat(s.w.word(s.m)).as("the old frame").isEqualTo(before);
      }
    },
    ENTER_WRITE {
      @Override
      void run(Scene s) {
        s.w.protect(s.m, VmProt.READ);
        s.w.enter(s.a, VA, s.m, RW, false);
      }

      @Override
      void after(Scene s) {}
    },
    UNWIRE {
      @Override
      void run(Scene s) {
        s.a.unwire(VA);
      }

      @Override
      void after(Scene s) {
        assertThat(s.a.wiredCount()).isZero();
      }
    },
    REMOVE_OF_B {
      @Override
      void run(Scene s) {
        s.b.remove(VA, NEXT);
      }

      @Override
      void after(Scene s) {
        denied(s, false, true);
        assertThat(loads(s.cpuB, VA)).isFalse();
      }
    };

    abstract void run(Scene s);

    abstract void after(Scene s);

    static void denied(Scene s, boolean inA, boolean inB) {
      long before = s.w.word(s.m);
      if (inA) {
        assertThat(stores(s.cpuA, VA, 77)).as("a store through a after the operation").isFalse();
      }
      if (inB) {
        assertThat(stores(s.cpuB, VA, 77)).as("a store through b after the operation").isFalse();
      }
      assertThat(s.w.word(s.m)).isEqualTo(before);
    }
  }

  /** Operations on the first pmap, of which its map's lock lets one through at a time. */
  private static final List<Op> OF_A_MAP = List.of(Op.ENTER_OTHER, Op.REMOVE, Op.PROTECT, Op.PROTECT_ONE);

  private static final List<Op> SECONDS =
      List.of(
          Op.PAGE_NONE,
          Op.PAGE_READ,
          Op.ALL_BUT_WIRED,
          Op.CLEAR_REFERENCE,
          Op.REMOVE_OF_B,
          Op.REMOVE,
          Op.PROTECT,
          Op.PROTECT_ONE,
          Op.CLEAN,
          Op.UNWIRE,
          Op.ENTER_OTHER);

  /** Those that may run while the first pmap's map is held by another operation. */
  private static final Set<Op> PAGE_BASED =
      EnumSet.of(Op.PAGE_NONE, Op.PAGE_READ, Op.CLEAN, Op.ALL_BUT_WIRED, Op.CLEAR_REFERENCE);

  private static List<MmuOptions> mmus() {
    MmuOptions plain = MmuOptions.NONE;
    return List.of(plain, plain.withSloppyDirty(true), plain.withSpurious(true), plain.withSpeculate(true));
  }

  static Stream<Arguments> operations() {
    List<Arguments> all = new ArrayList<>();
    for (Mode mode : List.of(Mode.FIXED, Mode.UP)) {
      for (Op op : Op.values()) {
        all.add(Arguments.of(mode, op));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("operations")
  void anAccess_mayComeInAnywhere(Mode mode, Op op) {
    for (MmuOptions mmu : mmus()) {
      for (Tlb tlb : Tlb.values()) {
        for (boolean wired : new boolean[] {false, true}) {
          List<String> wrong = accessAtEveryPoint(mode, mmu, tlb, wired, op, NONE);
          assertThat(wrong).isEmpty();
        }
      }
    }
  }

  /** Returns what went wrong, for each place at which the access came in; nothing should. */
  private static List<String> accessAtEveryPoint(
      Mode mode, MmuOptions mmu, Tlb tlb, boolean wired, Op op, Defect... defects) {
    List<String> wrong = new ArrayList<>();
    int points = 1;
    for (int at = 0; at < points; at++) {
      try (Scene s = new Scene(mode, mmu, tlb, wired, defects)) {
        s.strands.arm(
            at,
            () -> {
              s.checkFlags();
              s.store(2);
            });
        op.run(s);
        points = s.strands.disarm();
        try {
          s.checkModified();
          op.after(s);
          s.checkModified();
          s.w.check();
        } catch (AssertionError e) {
          wrong.add(op + " " + mode + " " + mmu + " " + tlb + " wired=" + wired + " at " + at + ": " + e.getMessage());
        }
      }
    }
    assertThat(points).as("schedule points of %s", op).isGreaterThan(op == Op.UNWIRE && !wired ? -1 : 0);
    return wrong;
  }

  static Stream<Arguments> pairs() {
    List<Arguments> all = new ArrayList<>();
    for (Op first : Op.values()) {
      for (Op second : SECONDS) {
        boolean underAMapHeldForWriting = OF_A_MAP.contains(second) && !PAGE_BASED.contains(first);
        boolean unwiresWhatIsSpared = second == Op.UNWIRE && first == Op.ALL_BUT_WIRED;
        if (!underAMapHeldForWriting && !unwiresWhatIsSpared) {
          all.add(Arguments.of(first, second));
        }
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void anotherOperation_mayComeInAnywhere(Op first, Op second) {
    int cameIn = 0;
    for (Tlb tlb : Tlb.values()) {
      for (boolean wired : new boolean[] {false, true}) {
        int points = 1;
        for (int at = 0; at < points; at++) {
          try (Scene s = new Scene(Mode.FIXED, MmuOptions.NONE.withSloppyDirty(true), tlb, wired)) {
            s.w.second();
            s.strands.arm(
                at,
                () -> {
                  second.run(s);
                  s.checkModified();
                  if (first != Op.ENTER_OTHER && first != Op.ENTER_WRITE) {
                    second.after(s); // at once, whatever the first has done so far
                  }
                  s.checkModified();
                });
            first.run(s);
            points = s.strands.disarm();
            cameIn += s.strands.blocked() ? 0 : 1;
            s.checkModified();
            if (second != Op.ENTER_OTHER) {
              first.after(s);
            }
            s.checkModified();
            s.w.check();
          }
        }
      }
    }
    assertThat(cameIn).as("places where the second came in").isGreaterThan(0);
  }

  @Test
  void plainChanges_loseAModifiedBit() {
    List<String> wrong = new ArrayList<>();
    for (Op op : List.of(Op.PROTECT, Op.REMOVE, Op.PAGE_NONE, Op.PAGE_READ)) {
      wrong.addAll(accessAtEveryPoint(Mode.FIXED, MmuOptions.NONE, Tlb.READ, false, op, Defect.H_PTE_RMW));
    }
    assertThat(wrong).as("places where H-PTE-RMW loses a store").isNotEmpty().anyMatch(s -> s.contains("I-43"));
  }

  @Test
  void localFlush_letsStoresThroughAfterwards() {
    List<String> wrong =
        accessAtEveryPoint(Mode.FIXED, MmuOptions.NONE, Tlb.STORED, false, Op.PAGE_READ, Defect.H_LOCALFLUSH);
    assertThat(wrong).as("places where H-LOCALFLUSH is seen").isNotEmpty();
  }
}
