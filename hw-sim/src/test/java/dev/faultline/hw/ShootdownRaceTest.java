package dev.faultline.hw;

import static dev.faultline.hw.HwWorld.RO;
import static dev.faultline.hw.HwWorld.RW;
import static dev.faultline.hw.HwWorld.set;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Accesses on real threads against changes of the page table and shootdowns: what a kernel may rely on (vm-semantics
 * 6.1, 6.2).
 */
@Timeout(120)
final class ShootdownRaceTest {
  private static final long VA = 0x40_0000;
  private static final int ROUNDS = 20;
  private static final long NANOS = 400_000_000;

  /** Every option that a correct kernel must live with, one at a time and together. */
  static Stream<MmuOptions> options() {
    return Stream.of(
        MmuOptions.NONE,
        MmuOptions.NONE.withSpeculate(true),
        MmuOptions.NONE.withSloppyDirty(true),
        MmuOptions.NONE.withSpurious(true),
        MmuOptions.NONE.withShootMerge(true),
        MmuOptions.ADVERSARIAL.withShootDelay(1000));
  }

  private static long until() {
    return System.nanoTime() + NANOS;
  }

  private static boolean left(long until) {
    return System.nanoTime() - until < 0;
  }

  /** The kernel's removal of a mapping, in the order of 6.2: returns the word with what was harvested. */
  private static long remove(HwWorld w, PageTable t, long va) {
    PageTable.Leaf leaf = t.makeLeaf(va);
    int i = t.index(va);
    leaf.getAndBitwiseAnd(i, ~Pte.V);
    w.shoot(t, va);
    return leaf.getAndSet(i, 0);
  }

  @ParameterizedTest
  @MethodSource("options")
  void load_neverSeesAFrameGivenAway(MmuOptions options) {
    try (HwWorld w = HwWorld.with(options)) {
      PageTable t = w.table();
      PhysicalMemory memory = w.machine.memory();
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      w.actor(
          "loader",
          () -> {
            cpu.switchTo(t);
            long last = 0;
            long sums = 0;
            while (!stop.get()) {
              long v = cpu.load(VA);
              if (cpu.trap() != Cpu.NONE) {
                cpu.clearTrap();
                continue;
              }
              if (v < last) {
                throw new AssertionError("loaded " + v + " after " + last);
              }
              last = v;
              if (cpu.sumWords(VA, 4) == 4 && cpu.sum() < 0) {
                throw new AssertionError("sum of a frame given away: " + cpu.sum() + " run " + sums);
              }
              cpu.clearTrap();
              sums++;
            }
          });
      long k = 0;
      for (long until = until(); (left(until) || k < ROUNDS) && !w.someoneDied(); ) {
        int frame = (int) (k % 16);
        k++;
        memory.store(frame, 0, k);
        memory.store(frame, 1, 0);
        memory.store(frame, 2, 0);
        memory.store(frame, 3, 0);
        set(t, VA, frame, RO);
        for (int i = 0; i < k % 64; i++) {
          Thread.onSpinWait();
        }
        remove(w, t, VA);
        memory.store(frame, 0, -1_000_000_000L);
        memory.store(frame, 2, -1_000_000_000L);
      }
      stop.set(true);
      w.join();
      assertThat(k).isGreaterThanOrEqualTo(ROUNDS);
    }
  }

  /** A long run of loads, so that most shootdowns come in the middle of one. */
  @Test
  void sum_mixesInNothingOfAFrameGivenAway() {
    try (HwWorld w = HwWorld.of(b -> b.pageSize(65536))) {
      PageTable t = w.table();
      PhysicalMemory memory = w.machine.memory();
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      w.actor(
          "summer",
          () -> {
            cpu.switchTo(t);
            for (long sums = 0; !stop.get(); sums++) {
              if (cpu.sumWords(VA, 8192) == 8192 && cpu.sum() != 8192 && cpu.sum() != 2 * 8192) {
                throw new AssertionError("sum " + sums + " is " + cpu.sum());
              }
              cpu.clearTrap();
            }
          });
      memory.poison(1, 1);
      memory.poison(2, 2);
      long k = 0;
      for (long until = until(); (left(until) || k < ROUNDS) && !w.someoneDied(); k++) {
        int frame = 1 + (int) (k & 1);
        set(t, VA, frame, RO);
        for (int n = 0; n < k % 256; n++) {
          Thread.onSpinWait();
        }
        remove(w, t, VA);
        memory.poison(frame, -1);
        memory.poison(frame, frame);
      }
      stop.set(true);
      w.join();
    }
  }

  @ParameterizedTest
  @MethodSource("options")
  void store_neverLandsInAFrameGivenAway_andModifiedIsNeverLost(MmuOptions options) {
    try (HwWorld w = HwWorld.with(options)) {
      PageTable t = w.table();
      PhysicalMemory memory = w.machine.memory();
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      w.actor("storer", () -> storeUntil(stop, cpu, t));
      long kept = 0;
      long rounds = 0;
      for (long until = until(); (left(until) || rounds < ROUNDS || kept == 0) && !w.someoneDied(); rounds++) {
        memory.store(3, 0, 0);
        set(t, VA, 3, RW);
        for (int i = 0; i < rounds % 256; i++) {
          Thread.onSpinWait();
        }
        long pte = remove(w, t, VA);
        long v = memory.load(3, 0);
        if (v != 0 && (pte & Pte.M) == 0) {
          throw new AssertionError("M lost: the frame holds " + v + ", the entry was " + Pte.toString(pte));
        }
        kept += v != 0 ? 1 : 0;
        for (int i = 0; i < 30; i++) {
          long now = memory.load(3, 0);
          if (now != v) {
            throw new AssertionError("stored " + now + " over " + v + " in a frame given away");
          }
          Thread.onSpinWait();
        }
      }
      stop.set(true);
      w.join();
      assertThat(rounds).isGreaterThanOrEqualTo(ROUNDS);
    }
  }

  private static void storeUntil(AtomicBoolean stop, Cpu cpu, PageTable t) {
    cpu.switchTo(t);
    for (long k = 1; !stop.get(); k++) {
      if (k % 3 == 0) {
        cpu.load(VA); // so that some stores find an entry without Mseen
      } else if (k % 3 == 1) {
        cpu.store(VA, k);
      } else {
        cpu.getAndAdd(VA, 1);
      }
      cpu.clearTrap();
    }
  }

  /**
   * The kernel's page_clean: make writing impossible, snapshot, clear M; nothing stored after the snapshot may go
   * unrecorded.
   */
  @ParameterizedTest
  @MethodSource("options")
  void writeProtect_thenClearModified_missesNoStore(MmuOptions options) {
    try (HwWorld w = HwWorld.with(options)) {
      PageTable t = w.table();
      PhysicalMemory memory = w.machine.memory();
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      set(t, VA, 3, RW);
      PageTable.Leaf leaf = t.makeLeaf(VA);
      int i = t.index(VA);
      w.actor("storer", () -> storeUntil(stop, cpu, t));
      long clean = 0;
      long cleanings = 0;
      for (long until = until(); (left(until) || cleanings < ROUNDS) && !w.someoneDied(); cleanings++) {
        leaf.getAndBitwiseAnd(i, ~Pte.W);
        w.shoot(t, VA);
        long v = memory.load(3, 0);
        boolean modified = (leaf.get(i) & Pte.M) != 0;
        if (v != clean && !modified) {
          throw new AssertionError("M lost: clean at " + clean + ", now " + v);
        }
        leaf.getAndBitwiseAnd(i, ~Pte.M);
        w.shoot(t, VA);
        clean = v;
        if (memory.load(3, 0) != v) {
          throw new AssertionError("stored through a protected entry");
        }
        leaf.getAndBitwiseOr(i, Pte.W);
        for (int n = 0; n < cleanings % 64; n++) {
          Thread.onSpinWait();
        }
      }
      stop.set(true);
      w.join();
      assertThat(cleanings).isGreaterThanOrEqualTo(ROUNDS);
    }
  }

  @Test
  void hw8_hardwareAndKernel_loseNoneOfEachOthersBits() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      set(t, VA, 3, RW);
      PageTable.Leaf leaf = t.makeLeaf(VA);
      int i = t.index(VA);
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      w.actor(
          "storer",
          () -> {
            cpu.switchTo(t);
            while (!stop.get()) {
              cpu.store(VA, 1);
              if ((leaf.getAndBitwiseAnd(i, ~(Pte.M | Pte.R)) & (Pte.M | Pte.R)) != (Pte.M | Pte.R)) {
                throw new AssertionError("the kernel's change undid R or M");
              }
              w.shoot(t, VA);
            }
          });
      boolean wired = false;
      for (long until = until(); left(until) && !w.someoneDied(); ) {
        long old = leaf.get(i);
        if (((old & Pte.WIRED) != 0) != wired) {
          throw new AssertionError("the hardware undid the kernel's bit");
        }
        if (leaf.cas(i, old, old ^ Pte.WIRED)) {
          wired = !wired;
        }
      }
      stop.set(true);
      w.join();
      assertThat(leaf.get(i) & (RW | Pte.WIRED)).isEqualTo(RW | (wired ? Pte.WIRED : 0));
    }
  }

  @ParameterizedTest
  @MethodSource("options")
  void hw9_switch_neverKeepsWhatItsTableLost(MmuOptions options) {
    try (HwWorld w = HwWorld.with(options)) {
      PageTable t = w.table();
      PageTable other = w.table();
      set(other, VA, 15, RO);
      w.machine.memory().store(15, 0, 7);
      PhysicalMemory memory = w.machine.memory();
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean stop = new AtomicBoolean();
      w.actor(
          "switcher",
          () -> {
            long loaded = 0;
            while (!stop.get()) {
              cpu.switchTo(t);
              long v = cpu.load(VA);
              if (cpu.trap() == Cpu.NONE && v < 0) {
                throw new AssertionError("loaded " + v + " after " + loaded + " good loads");
              }
              cpu.clearTrap();
              v = cpu.load(VA);
              if (cpu.trap() == Cpu.NONE && v < 0) {
                throw new AssertionError("loaded " + v + " after " + loaded + " good loads");
              }
              cpu.clearTrap();
              cpu.switchTo(other);
              v = cpu.load(VA);
              if (cpu.trap() != Cpu.NONE || v != 7) {
                throw new AssertionError("loaded " + v + " from the other table");
              }
              loaded++;
            }
          });
      long k = 0;
      for (long until = until(); (left(until) || k < ROUNDS) && !w.someoneDied(); k++) {
        int frame = (int) (k % 15);
        memory.store(frame, 0, 1);
        set(t, VA, frame, RO);
        for (int n = 0; n < k % 16; n++) {
          Thread.onSpinWait();
        }
        remove(w, t, VA);
        memory.store(frame, 0, -1);
      }
      stop.set(true);
      w.join();
      assertThat(k).isGreaterThanOrEqualTo(ROUNDS);
    }
  }

  @Test
  void adds_ofTwoProcessors_loseNone_underShootdowns() {
    try (HwWorld w = HwWorld.with(MmuOptions.NONE.withSpeculate(true))) {
      int rounds = 300_000;
      PageTable t = w.table();
      set(t, VA, 3, RW);
      AtomicBoolean stop = new AtomicBoolean();
      for (int c = 0; c < 2; c++) {
        Cpu cpu = w.machine.cpu(c);
        w.actor(
            "adder",
            () -> {
              cpu.switchTo(t);
              for (int i = 0; i < rounds; i++) {
                cpu.getAndAdd(VA, 1);
              }
              stop.compareAndSet(false, true);
            });
      }
      w.actor(
          "speculator",
          () -> {
            while (!stop.get()) {
              w.machine.cpu(0).speculateFrom(VA);
              w.machine.cpu(1).speculateFrom(VA);
            }
          });
      while (!stop.get() && !w.someoneDied()) {
        w.shoot(t, VA);
      }
      w.join();
      assertThat(w.machine.memory().load(3, 0)).isEqualTo(2L * rounds);
    }
  }
}
