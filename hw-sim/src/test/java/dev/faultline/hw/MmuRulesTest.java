package dev.faultline.hw;

import static dev.faultline.hw.HwWorld.RO;
import static dev.faultline.hw.HwWorld.RW;
import static dev.faultline.hw.HwWorld.clear;
import static dev.faultline.hw.HwWorld.pte;
import static dev.faultline.hw.HwWorld.set;
import static dev.faultline.hw.HwWorld.tlb;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Rules HW1 to HW9 of the semantics, 6.2, one after another on one thread; what takes real races is in {@link
 * ShootdownRaceTest}.
 */
@Timeout(60)
final class MmuRulesTest {
  private static final long VA = 0x40_0000;
  private static final long OTHER = 0x7fff_ffff_f000L;

  private HwWorld world = HwWorld.plain();
  private PageTable table = world.table();
  private Cpu cpu = world.machine.cpu(0);

  private void worldWith(MmuOptions options) {
    world.close();
    world = HwWorld.with(options);
    table = world.table();
    cpu = world.machine.cpu(0);
    cpu.switchTo(table);
  }

  MmuRulesTest() {
    cpu.switchTo(table);
  }

  @AfterEach
  void close() {
    world.close();
  }

  private long word(int frame) {
    return world.machine.memory().load(frame, 0);
  }

  private void put(int frame, long value) {
    world.machine.memory().store(frame, 0, value);
  }

  private void traps(int expected) {
    assertThat(cpu.trap()).isEqualTo(expected);
    cpu.clearTrap();
  }

  /** The ways to load. */
  enum Loading {
    LOAD {
      @Override
      long of(Cpu cpu, long va) {
        return cpu.load(va);
      }
    },
    SUM {
      @Override
      long of(Cpu cpu, long va) {
        cpu.sumWords(va, 1);
        return cpu.sum();
      }
    };

    abstract long of(Cpu cpu, long va);
  }

  /** The ways to store. */
  enum Storing {
    STORE {
      @Override
      void to(Cpu cpu, long va, long value) {
        cpu.store(va, value);
      }
    },
    ADD {
      @Override
      void to(Cpu cpu, long va, long value) {
        cpu.getAndAdd(va, value);
      }
    },
    FILL {
      @Override
      void to(Cpu cpu, long va, long value) {
        cpu.fill(va, 1, value);
      }
    };

    abstract void to(Cpu cpu, long va, long value);
  }

  @Nested
  class Hw1 {
    @ParameterizedTest
    @EnumSource
    void hw1_load_setsReferenced_andFillsTheTlb(Loading way) {
      set(table, VA, 3, RO);
      put(3, 77);
      assertThat(way.of(cpu, VA)).isEqualTo(77);
      traps(Cpu.NONE);
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RO | Pte.R));
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3");
    }

    @ParameterizedTest
    @EnumSource
    void hw1_store_setsReferencedAndModified(Storing way) {
      set(table, VA, 3, RW);
      way.to(cpu, VA, 78);
      traps(Cpu.NONE);
      assertThat(word(3)).isEqualTo(78);
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RW | Pte.R | Pte.M));
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W Mseen");
    }

    @ParameterizedTest
    @EnumSource
    void hw1_load_isNotPresent_withoutValidEntry(Loading way) {
      way.of(cpu, VA);
      traps(Cpu.NOT_PRESENT);
      set(table, VA, 3, RW & ~Pte.V); // half removed
      way.of(cpu, VA);
      traps(Cpu.NOT_PRESENT);
      way.of(cpu, 1L << 48);
      traps(Cpu.NOT_PRESENT);
      way.of(cpu, -8);
      traps(Cpu.NOT_PRESENT);
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RW & ~Pte.V));
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @ParameterizedTest
    @EnumSource
    void hw1_store_isRefused_whereItMayNot(Storing way) {
      way.to(cpu, VA, 1);
      traps(Cpu.NOT_PRESENT);
      set(table, VA, 3, RO);
      way.to(cpu, VA, 1);
      traps(Cpu.PROTECTION);
      assertThat(word(3)).isZero();
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RO));
    }

    @Test
    void hw1_userAccess_isRefused_withoutUser() {
      set(table, VA, 3, RW & ~Pte.U);
      cpu.load(VA);
      traps(Cpu.PROTECTION);
      cpu.store(VA, 1);
      traps(Cpu.PROTECTION);
      assertThat(word(3)).isZero();
    }

    @Test
    void hw1_anything_isNotPresent_withoutTable() {
      set(table, VA, 3, RW);
      cpu.switchTo(null);
      cpu.load(VA);
      traps(Cpu.NOT_PRESENT);
      cpu.store(VA, 1);
      traps(Cpu.NOT_PRESENT);
    }

    @Test
    void hw1_load_remembersModified() {
      set(table, VA, 3, RW | Pte.M);
      cpu.load(VA);
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W Mseen");
    }

    @Test
    void hw1_walk_complainsOfFrameThatIsNone() {
      set(table, VA, 16, RW);
      assertThatThrownBy(() -> cpu.load(VA)).isInstanceOf(IllegalStateException.class).hasMessageContaining("frame 16");
      set(table, VA, 3, RW);
      cpu.store(VA, 5); // T was given back
      assertThat(word(3)).isEqualTo(5);
    }

    @Test
    void hw1_accesses_reachEveryWordOfThePage_andNoOther() {
      set(table, VA, 3, RW);
      set(table, VA + 4096, 9, RW);
      for (int i = 0; i < 1024; i++) {
        cpu.store(VA + 8L * i, i + 1);
      }
      for (int i = 0; i < 512; i++) {
        assertThat(world.machine.memory().load(3, i)).isEqualTo(i + 1);
        assertThat(world.machine.memory().load(9, i)).isEqualTo(i + 513);
        assertThat(cpu.load(VA + 8L * i)).isEqualTo(i + 1);
      }
      for (int f = 0; f < 16; f++) {
        assertThat(world.machine.memory().isZero(f)).isEqualTo(f != 3 && f != 9);
      }
    }

    @Test
    void fillAndSum_endWithThePage() {
      set(table, VA, 3, RW);
      assertThat(cpu.fill(VA + 4096 - 24, 100, 50)).isEqualTo(3);
      assertThat(cpu.sumWords(VA + 4096 - 32, 100)).isEqualTo(4);
      assertThat(cpu.sum()).isEqualTo(50 + 51 + 52);
      traps(Cpu.NONE);
      assertThat(cpu.sumWords(VA + 4096, 1)).isZero();
      traps(Cpu.NOT_PRESENT);
      assertThat(cpu.fill(VA + 4096, 1, 1)).isZero();
      traps(Cpu.NOT_PRESENT);
      assertThat(cpu.fill(VA, 0, 1)).isZero();
      assertThat(cpu.sumWords(VA, 0)).isZero();
      assertThat(cpu.sum()).isZero();
      traps(Cpu.NONE);
    }
  }

  @Nested
  class Hw2 {
    @ParameterizedTest
    @EnumSource
    void hw2_store_leavesPteAlone_onceModifiedWasSeen(Storing way) {
      set(table, VA, 3, RW);
      cpu.store(VA, 1);
      table.leaf(VA).getAndBitwiseAnd(table.index(VA), ~Pte.M); // cleared without a purge
      cpu.store(VA, 0);
      way.to(cpu, VA, 2);
      assertThat(word(3)).isEqualTo(2);
      assertThat(pte(table, VA) & Pte.M).isZero();
      world.shoot(table, VA);
      way.to(cpu, VA, 3);
      assertThat(pte(table, VA) & Pte.M).isNotZero();
    }
  }

  @Nested
  class Hw3 {
    @ParameterizedTest
    @EnumSource
    void hw3_firstStore_setsModified(Storing way) {
      set(table, VA, 3, RW);
      cpu.load(VA);
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W");
      table.leaf(VA).getAndBitwiseAnd(table.index(VA), ~Pte.R);
      way.to(cpu, VA, 2);
      traps(Cpu.NONE);
      assertThat(word(3)).isEqualTo(2);
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RW | Pte.M));
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W Mseen");
    }

    @ParameterizedTest
    @EnumSource
    void hw3_firstStore_faults_whenThePteWasTakenAway(Storing way) {
      set(table, VA, 3, RW);
      cpu.load(VA);
      clear(table, VA);
      way.to(cpu, VA, 2);
      traps(Cpu.NOT_PRESENT);
      assertThat(word(3)).isZero();
      assertThat(pte(table, VA)).isZero();
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @ParameterizedTest
    @EnumSource
    void hw3_firstStore_faults_whenThePteWasProtected(Storing way) {
      set(table, VA, 3, RW);
      cpu.load(VA);
      set(table, VA, 3, RO);
      way.to(cpu, VA, 2);
      traps(Cpu.PROTECTION);
      assertThat(word(3)).isZero();
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RO));
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @ParameterizedTest
    @EnumSource
    void hw3_firstStore_goesToTheNewFrame_whenThePteNamesOne(Storing way) {
      set(table, VA, 3, RW);
      cpu.load(VA);
      set(table, VA, 4, RW);
      way.to(cpu, VA, 2);
      traps(Cpu.NONE);
      assertThat(word(3)).isZero();
      assertThat(word(4)).isEqualTo(2);
      assertThat(pte(table, VA) & Pte.M).isNotZero();
      assertThat(tlb(cpu, VA)).isEqualTo("frame 4 W Mseen");
    }
  }

  @Nested
  class Hw4 {
    @ParameterizedTest
    @EnumSource
    void hw4_store_looksAgain_beforeItFaults(Storing way) {
      set(table, VA, 3, RO);
      cpu.load(VA);
      set(table, VA, 3, RW);
      way.to(cpu, VA, 2);
      traps(Cpu.NONE);
      assertThat(word(3)).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void hw4_store_faultsOnce_withTheSpuriousOption(Storing way) {
      worldWith(MmuOptions.NONE.withSpurious(true));
      set(table, VA, 3, RO);
      cpu.load(VA);
      set(table, VA, 3, RW);
      way.to(cpu, VA, 2);
      traps(Cpu.PROTECTION);
      assertThat(word(3)).isZero();
      assertThat(tlb(cpu, VA)).isEqualTo("none");
      way.to(cpu, VA, 2);
      traps(Cpu.NONE);
      assertThat(word(3)).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource
    void hw4_fault_dropsTheOwnEntry_first(Storing way) {
      set(table, VA, 3, RO);
      cpu.load(VA);
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3");
      way.to(cpu, VA, 2);
      traps(Cpu.PROTECTION);
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }
  }

  @Nested
  class Hw5 {
    @Test
    void hw5_entry_staysUntilItIsPurged() {
      set(table, VA, 3, RW);
      cpu.store(VA, 1);
      clear(table, VA);
      put(3, 99);
      assertThat(cpu.load(VA)).isEqualTo(99);
      cpu.store(VA, 100);
      assertThat(word(3)).isEqualTo(100);
      assertThat(cpu.checkTlb()).startsWith("I-36");
      world.shoot(table, VA);
      assertThat(cpu.checkTlb()).isNull();
      cpu.load(VA);
      traps(Cpu.NOT_PRESENT);
      cpu.store(VA, 101);
      traps(Cpu.NOT_PRESENT);
      assertThat(word(3)).isEqualTo(100);
    }

    @Test
    void hw5_shoot_reachesEveryProcessorOfTheSet_andEveryPageOfTheRange() {
      Cpu second = world.machine.cpu(1);
      second.switchTo(table);
      for (int i = 0; i < 8; i++) {
        set(table, VA + 4096L * i, i, RW);
        cpu.store(VA + 4096L * i, 1);
        second.store(VA + 4096L * i, 1);
      }
      for (int i = 2; i < 6; i++) {
        clear(table, VA + 4096L * i);
      }
      world.machine.shootdown().shoot(table, VA + 2 * 4096, VA + 6 * 4096);
      for (int i = 0; i < 8; i++) {
        String expected = i >= 2 && i < 6 ? "none" : "frame " + i + " W Mseen";
        assertThat(tlb(cpu, VA + 4096L * i)).isEqualTo(expected);
        assertThat(tlb(second, VA + 4096L * i)).isEqualTo(expected);
      }
      world.machine.shootdown().shoot(table, 0, 1L << 48);
      for (int i = 0; i < 8; i++) {
        assertThat(tlb(cpu, VA + 4096L * i)).isEqualTo("none");
        assertThat(tlb(second, VA + 4096L * i)).isEqualTo("none");
      }
      assertThat(world.machine.shootdown().shootdowns()).isEqualTo(2);
      assertThat(cpu.shootsReceived()).isEqualTo(2);
      assertThat(second.shootsReceived()).isEqualTo(2);
    }

    @Test
    void hw5_shoot_coversPagesPartlyInTheRange() {
      set(table, VA, 3, RW);
      cpu.store(VA, 1);
      world.machine.shootdown().shoot(table, VA + 8, VA + 16);
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @Test
    void hw5_shoot_leavesProcessorsOfOtherTablesAlone() {
      Cpu second = world.machine.cpu(1);
      PageTable other = world.table();
      second.switchTo(other);
      set(other, VA, 4, RW);
      second.store(VA, 1);
      world.shoot(table, VA);
      assertThat(tlb(second, VA)).isEqualTo("frame 4 W Mseen");
      assertThat(second.shootsReceived()).isZero();
    }

    @Test
    void hw5_shoot_ofTheKernelsTable_reachesEveryProcessor() {
      PageTable kernel = new PageTable(0, world.config, true);
      assertThat(kernel.everywhere()).isTrue();
      assertThat(kernel.activeMask()).isEqualTo(3);
      world.shoot(kernel, VA);
      assertThat(cpu.shootsReceived()).isEqualTo(1);
      assertThat(world.machine.cpu(1).shootsReceived()).isEqualTo(1);
    }

    @Test
    void remotePurges_areThoseOfProcessorsThatTheInitiatorIsNotOn() {
      set(table, VA, 3, RW);
      cpu.store(VA, 1);
      world.shoot(table, VA); // by this strand, which switched the processor
      assertThat(world.machine.shootdown().remotePurges()).isZero();
      world.actor("initiator", () -> world.shoot(table, VA));
      world.join();
      assertThat(world.machine.shootdown().remotePurges()).isEqualTo(1);
    }
  }

  @Nested
  class Hw6 {
    @Test
    void hw6_strangersLoad_setsReferenced_andFills() {
      set(table, VA, 3, RW);
      assertThat(cpu.speculateFrom(VA)).isTrue();
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, RW | Pte.R));
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W");
      assertThat(cpu.speculateFrom(OTHER)).isFalse();
      set(table, OTHER, 4, RW & ~Pte.V);
      assertThat(cpu.speculateFrom(OTHER)).isFalse();
      assertThat(pte(table, OTHER)).isEqualTo(Pte.make(4, RW & ~Pte.V));
    }

    @Test
    void hw6_option_loadsNeighboursUnasked_butNothingInvalid() {
      worldWith(MmuOptions.NONE.withSpeculate(true));
      for (int i = 0; i < 8; i++) {
        set(table, VA + 4096L * i, i, i % 2 == 0 ? RW : RW & ~Pte.V);
      }
      long unasked = VA + 4 * 4096;
      AtomicBoolean seen = new AtomicBoolean();
      for (int i = 0; i < 2000; i++) {
        assertThat(cpu.load(VA)).isZero();
        cpu.visitTlb((va, frame, w, m) -> seen.compareAndSet(false, va == unasked));
        world.shoot(table, VA);
        assertThat(cpu.checkTlb()).isNull();
      }
      traps(Cpu.NONE);
      assertThat(seen).isTrue();
      assertThat(pte(table, unasked) & Pte.R).isNotZero();
      assertThat(pte(table, VA + 4096) & Pte.R).isZero();
    }

    @Test
    void hw6_speculation_doesNotUndoAShoot() {
      worldWith(MmuOptions.NONE.withSpeculate(true));
      for (int i = 0; i < 2000; i++) {
        set(table, VA, 3, RW);
        cpu.store(VA, i);
        traps(Cpu.NONE);
        clear(table, VA);
        world.shoot(table, VA);
        assertThat(tlb(cpu, VA)).isEqualTo("none");
      }
    }
  }

  @Nested
  class Hw7 {
    @ParameterizedTest
    @EnumSource
    void hw7_sloppyStore_goesThrough_andMarksWhatIsLeftOfThePte(Storing way) {
      worldWith(MmuOptions.NONE.withSloppyDirty(true));
      set(table, VA, 3, RW);
      cpu.load(VA);
      set(table, VA, 3, RW & ~Pte.V & ~Pte.W);
      way.to(cpu, VA, 2);
      traps(Cpu.NONE);
      assertThat(word(3)).isEqualTo(2);
      assertThat(pte(table, VA)).isEqualTo(Pte.make(3, (RW | Pte.M) & ~Pte.V & ~Pte.W));
      world.shoot(table, VA);
      way.to(cpu, VA, 3);
      traps(Cpu.NOT_PRESENT);
      assertThat(word(3)).isEqualTo(2);
    }

    @Test
    void hw7_sloppyStore_marksEvenAZeroWord() {
      worldWith(MmuOptions.NONE.withSloppyDirty(true));
      set(table, VA, 3, RW);
      cpu.load(VA);
      clear(table, VA);
      cpu.store(VA, 2);
      assertThat(pte(table, VA)).isEqualTo(Pte.M);
    }
  }

  @Nested
  class Hw9 {
    @Test
    void hw9_switch_joinsLoadsPurgesAndLeaves() {
      PageTable other = world.table();
      set(table, VA, 3, RW);
      set(other, VA, 4, RW);
      put(3, 33);
      put(4, 44);
      assertThat(cpu.load(VA)).isEqualTo(33);
      assertThat(table.activeMask()).isEqualTo(1);
      cpu.switchTo(other);
      assertThat(cpu.current()).isSameAs(other);
      assertThat(other.activeMask()).isEqualTo(1);
      assertThat(table.activeMask()).isZero();
      assertThat(tlb(cpu, VA)).isEqualTo("none");
      assertThat(cpu.load(VA)).isEqualTo(44);
      cpu.switchTo(null);
      assertThat(other.activeMask()).isZero();
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @Test
    void hw9_switchToTheSameTable_purges_unlessTold() {
      set(table, VA, 3, RW);
      cpu.load(VA);
      cpu.switchTo(table);
      assertThat(tlb(cpu, VA)).isEqualTo("none");
      assertThat(table.activeMask()).isEqualTo(1);
      worldWith(MmuOptions.NONE.withKeepTlb(true));
      set(table, VA, 3, RW);
      cpu.load(VA);
      cpu.switchTo(table);
      assertThat(tlb(cpu, VA)).isEqualTo("frame 3 W");
      assertThat(table.activeMask()).isEqualTo(1);
      cpu.switchTo(world.table());
      assertThat(tlb(cpu, VA)).isEqualTo("none");
    }

    @Test
    void hw9_releaser_switchesIdleProcessorsOff() {
      set(table, VA, 3, RW);
      cpu.load(VA);
      Cpu second = world.machine.cpu(1);
      PageTable other = world.table();
      second.switchTo(other);
      assertThat(world.machine.shootdown().switchOff(table)).isTrue();
      assertThat(table.activeMask()).isZero();
      assertThat(cpu.current()).isNull();
      assertThat(tlb(cpu, VA)).isEqualTo("none");
      assertThat(second.current()).isSameAs(other);
      assertThat(second.switchOff(table)).isFalse();
    }
  }
}
