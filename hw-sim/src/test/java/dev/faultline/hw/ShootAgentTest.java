package dev.faultline.hw;

import static dev.faultline.hw.HwWorld.RW;
import static dev.faultline.hw.HwWorld.clear;
import static dev.faultline.hw.HwWorld.set;
import static dev.faultline.hw.HwWorld.tlb;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Purges left to another strand, late and in heaps. */
@Timeout(60)
final class ShootAgentTest {
  private static final long VA = 0x40_0000;

  private static ShootAgent agent(HwWorld w, int cpu) {
    ShootAgent a = w.machine.shootdown().agent(cpu);
    assertThat(a).isNotNull();
    return a;
  }

  @Test
  void initiator_waitsForTheAgent_andUntilThenTheOldEntryIsUsed() {
    try (HwWorld w = HwWorld.with(MmuOptions.NONE.withShootDelay(1))) {
      PageTable t = w.table();
      set(t, VA, 3, RW);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      cpu.store(VA, 1);
      agent(w, 0).hold();
      AtomicInteger returned = new AtomicInteger();
      clear(t, VA);
      w.actor(
          "initiator",
          () -> {
            w.shoot(t, VA);
            returned.incrementAndGet();
          });
      await().until(() -> attached(w, () -> agent(w, 0).waiting()) == 1);
      cpu.store(VA, 2);
      assertThat(cpu.trap()).isEqualTo(Cpu.NONE);
      assertThat(w.machine.memory().load(3, 0)).isEqualTo(2);
      assertThat(returned).hasValue(0);
      agent(w, 0).letGo();
      w.join();
      assertThat(returned).hasValue(1);
      assertThat(tlb(cpu, VA)).isEqualTo("none");
      assertThat(cpu.shootsReceived()).isEqualTo(1);
    }
  }

  private static int attached(HwWorld w, java.util.function.IntSupplier s) {
    w.strands.attach("poll");
    try {
      return s.getAsInt();
    } finally {
      w.strands.detach();
    }
  }

  @Test
  void merging_purgesForAllInitiatorsAtOnce() {
    try (HwWorld w = HwWorld.with(MmuOptions.NONE.withShootMerge(true))) {
      PageTable t = w.table();
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      agent(w, 0).hold();
      for (int i = 0; i < 3; i++) {
        long va = VA + 4096L * i;
        set(t, va, i, RW);
        cpu.store(va, 1);
        clear(t, va);
        w.actor("initiator", () -> w.shoot(t, va));
      }
      await().until(() -> attached(w, () -> agent(w, 0).waiting()) == 3);
      long purges = cpu.purges();
      agent(w, 0).letGo();
      w.join();
      for (int i = 0; i < 3; i++) {
        assertThat(tlb(cpu, VA + 4096L * i)).isEqualTo("none");
      }
      assertThat(cpu.purges() - purges).isEqualTo(1);
      assertThat(agent(w, 0).merged()).isEqualTo(2);
      assertThat(cpu.shootsReceived()).isEqualTo(3);
      assertThat(w.machine.shootdown().remotePurges()).isEqualTo(3);
    }
  }

  @Test
  void delay_isWaitedFor() {
    try (HwWorld w = HwWorld.with(MmuOptions.NONE.withShootDelay(10_000_000))) {
      PageTable t = w.table();
      w.machine.cpu(0).switchTo(t);
      long longest = 0;
      for (int i = 0; i < 20; i++) {
        long start = System.nanoTime();
        w.shoot(t, VA);
        longest = Math.max(longest, System.nanoTime() - start);
      }
      assertThat(longest).isGreaterThan(3_000_000);
    }
  }

  @Test
  void noAgents_withoutTheOptions() {
    try (HwWorld w = HwWorld.plain()) {
      assertThat(w.machine.shootdown().agent(0)).isNull();
    }
  }
}
