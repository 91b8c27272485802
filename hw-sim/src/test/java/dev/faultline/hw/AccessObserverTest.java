package dev.faultline.hw;

import static dev.faultline.hw.HwWorld.RO;
import static dev.faultline.hw.HwWorld.RW;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who watches accesses: the content oracle's hook, and the identity stamps of I-42. */
@Timeout(60)
final class AccessObserverTest {
  private static final long VA = 0x40_0000;

  /** Writes accesses down and makes them. */
  private static class Recorder implements AccessObserver {
    final PhysicalMemory memory;
    final List<String> log = new ArrayList<>();
    boolean fail;

    Recorder(PhysicalMemory memory) {
      this.memory = memory;
    }

    private void note(String s) {
      if (fail) {
        throw new IllegalArgumentException("oracle says no");
      }
      log.add(s);
    }

    @Override
    public long load(Cpu cpu, long va, int frame, int word) {
      note("load " + Long.toHexString(va) + " " + frame + ":" + word);
      return memory.load(frame, word);
    }

    @Override
    public void store(Cpu cpu, long va, int frame, int word, long value) {
      note("store " + Long.toHexString(va) + " " + frame + ":" + word + " " + value);
      memory.store(frame, word, value);
    }

    @Override
    public long getAndAdd(Cpu cpu, long va, int frame, int word, long delta) {
      note("add " + Long.toHexString(va) + " " + frame + ":" + word + " " + delta);
      return memory.getAndAdd(frame, word, delta);
    }

    @Override
    public void storeBytes(Cpu cpu, long va, int frame, int word, long value, long mask) {
      note("storeBytes " + Long.toHexString(va) + " " + frame + ":" + word + " " + value + "&"
          + Long.toHexString(mask));
      memory.merge(frame, word, value, mask);
    }
  }

  @Test
  void storeBytes_leavesTheOtherBytes_withAndWithoutAnObserver() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RW);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      cpu.store(VA, 0x1122334455667788L);
      cpu.storeBytes(VA, -1L, 0xffff00L);
      assertThat(cpu.load(VA)).isEqualTo(0x1122334455ffff88L);
      Recorder r = new Recorder(w.machine.memory());
      cpu.observer(r);
      cpu.storeBytes(VA, 0, 0xffL << 56);
      assertThat(cpu.load(VA)).isEqualTo(0x0022334455ffff88L);
      assertThat(r.log).first().isEqualTo("storeBytes " + Long.toHexString(VA) + " 3:0 0&ff00000000000000");
      cpu.storeBytes(VA + 4096, 0, 0xff);
      assertThat(cpu.trap()).isEqualTo(Cpu.NOT_PRESENT);
    }
  }

  @Test
  void observer_seesEveryAccess_andMakesIt_hitsToo() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RW);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      cpu.store(VA + 8, 1); // unseen, leaves an entry
      Recorder r = new Recorder(w.machine.memory());
      cpu.observer(r);
      cpu.store(VA + 8, 5);
      assertThat(cpu.load(VA + 8)).isEqualTo(5);
      assertThat(cpu.getAndAdd(VA + 8, 2)).isEqualTo(5);
      assertThat(cpu.fill(VA + 4080, 9, 40)).isEqualTo(2);
      assertThat(cpu.sumWords(VA + 4080, 9)).isEqualTo(2);
      assertThat(cpu.sum()).isEqualTo(81);
      cpu.load(VA + 4096);
      assertThat(cpu.trap()).isEqualTo(Cpu.NOT_PRESENT);
      assertThat(r.log)
          .containsExactly(
              "store 400008 3:1 5",
              "load 400008 3:1",
              "add 400008 3:1 2",
              "store 400ff0 3:510 40",
              "store 400ff8 3:511 41",
              "load 400ff0 3:510",
              "load 400ff8 3:511");
      cpu.observer(null);
      assertThat(cpu.load(VA + 8)).isEqualTo(7);
      assertThat(r.log).hasSize(7);
    }
  }

  @Test
  void observersException_reachesTheCaller_andGivesTBack() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RW);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      Recorder r = new Recorder(w.machine.memory());
      r.fail = true;
      cpu.observer(r);
      List<Runnable> accesses =
          List.of(
              () -> cpu.load(VA),
              () -> cpu.store(VA, 1),
              () -> cpu.getAndAdd(VA, 1),
              () -> cpu.fill(VA, 2, 1),
              () -> cpu.sumWords(VA, 2));
      for (Runnable access : accesses) {
        assertThatThrownBy(access::run).hasMessage("oracle says no");
        w.shoot(t, VA); // would wait for ever for T
      }
    }
  }

  @Test
  void observer_runsUnderT_soThatShootdownsWaitForIt() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RO);
      Cpu cpu = w.machine.cpu(1);
      AtomicBoolean inside = new AtomicBoolean();
      AtomicBoolean removed = new AtomicBoolean();
      AtomicBoolean late = new AtomicBoolean();
      cpu.observer(
          new Recorder(w.machine.memory()) {
            @Override
            public long load(Cpu c, long va, int frame, int word) {
              inside.set(true);
              for (int i = 0; i < 200; i++) {
                Thread.onSpinWait();
                late.compareAndSet(false, removed.get());
              }
              return 0;
            }
          });
      AtomicBoolean stop = w.stop;
      w.actor(
          "loader",
          () -> {
            cpu.switchTo(t);
            while (!stop.get()) {
              cpu.load(VA);
              cpu.clearTrap();
            }
          });
      for (int i = 0; i < 300; i++) {
        while (!inside.getAndSet(false)) {
          Thread.onSpinWait();
        }
        HwWorld.clear(t, VA);
        w.shoot(t, VA);
        removed.set(true);
        for (int n = 0; n < 50; n++) {
          Thread.onSpinWait();
        }
        removed.set(false);
        inside.set(false);
        HwWorld.set(t, VA, 3, RO);
      }
      stop.set(true);
      w.join();
      assertThat(late).as("an access was under way after shoot returned").isFalse();
    }
  }

  @Test
  void i42_staleAccess_isReported_onceTheFrameIsAnother() {
    try (HwWorld w = HwWorld.of(b -> b.stamps(true))) {
      List<String> stale = new ArrayList<>();
      w.machine.staleAccessListener(
          (cpu, va, frame, write, then, now) -> stale.add(frame + (write ? " w " : " r ") + then + "->" + now));
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RW);
      w.machine.memory().setStamp(3, 10);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      cpu.load(VA);
      cpu.store(VA, 1);
      cpu.load(VA);
      assertThat(stale).isEmpty();
      w.machine.memory().setStamp(3, 11); // given away without a shootdown
      cpu.load(VA);
      cpu.store(VA, 2);
      cpu.getAndAdd(VA, 1);
      cpu.fill(VA, 1, 1);
      cpu.sumWords(VA, 1);
      assertThat(stale).containsExactly("3 r 10->11", "3 w 10->11", "3 w 10->11", "3 w 10->11", "3 r 10->11");
      w.shoot(t, VA);
      stale.clear();
      cpu.load(VA);
      assertThat(stale).isEmpty();
      assertThat(w.machine.memory().stamp(3)).isEqualTo(11);
    }
  }

  @Test
  void i42_firstStoreThroughAnEntry_isCheckedToo() {
    try (HwWorld w = HwWorld.of(b -> b.stamps(true))) {
      List<Long> stale = new ArrayList<>();
      w.machine.staleAccessListener((cpu, va, frame, write, then, now) -> stale.add(now));
      PageTable t = w.table();
      HwWorld.set(t, VA, 3, RW);
      Cpu cpu = w.machine.cpu(0);
      cpu.switchTo(t);
      cpu.load(VA);
      w.machine.memory().setStamp(3, 5);
      cpu.store(VA, 1);
      assertThat(stale).containsExactly(5L);
    }
  }

  @Test
  void i42_stamps_areNothing_whenOff() {
    try (HwWorld w = HwWorld.plain()) {
      w.machine.memory().setStamp(3, 5);
      assertThat(w.machine.memory().stamp(3)).isZero();
    }
  }
}
