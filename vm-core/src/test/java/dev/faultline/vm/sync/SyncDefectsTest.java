package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.bed.SteppedStrands;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What H-SPL and H-COUNTERS break: another processor comes in at every schedule point of a sleep, or of a count. On the
 * single processor that the originals were written for, nobody can.
 */
@Timeout(60)
final class SyncDefectsTest {
  private static final NamedChannel CHANNEL = new NamedChannel("channel", 2);

  private boolean come; // guarded by the interlock, or by the token

  /** Two threads of one domain: the test's own, in the kernel, and another, outside. */
  private static final class Two implements AutoCloseable {
    final SteppedStrands strands = new SteppedStrands();
    final SyncDomain domain;
    final KThread first;

    Two(Mode mode, Set<Defect> defects) {
      strands.attach("test");
      MachineConfig config = MachineConfig.builder().cpus(1).frames(4).pageSize(64).diskBlocks(0).build();
      Machine machine = new Machine(config, strands);
      domain = new SyncDomain(mode, defects, strands, machine.clock(), true, 4, Event.count());
      first = new KThread(domain, "first", false);
      strands.asSecond(() -> new KThread(domain, "second", false));
      domain.token().enter();
    }

    /** Lets the second thread do {@code what}, in the kernel, at a schedule point of the first. */
    void arm(int at, Runnable what) {
      strands.arm(at, () -> {
        domain.token().enter(); // blocks while the first is in the kernel, in UP
        what.run();
        domain.token().leave();
      });
    }

    @Override
    public void close() {
      strands.detach();
    }
  }

  /** Returns whether a wakeup at some schedule point of a test and sleep is slept through. */
  private boolean someWakeupIsLost(Mode mode, Set<Defect> defects) {
    int points = 1;
    for (int at = 0; at < points; at++) {
      try (Two w = new Two(mode, defects)) {
        KMutex interlock = new KMutex(w.domain, LockRank.OBJECT, "interlock");
        come = false;
        w.arm(at, () -> {
          interlock.lock();
          come = true;
          w.domain.sleepQueues().wakeup(CHANNEL);
          interlock.unlock();
        });
        boolean parked = false;
        try {
          interlock.lock();
          while (!come) {
            w.domain.sleepQueues().sleepOn(CHANNEL, interlock, "why");
            interlock.lock();
          }
          interlock.unlock();
        } catch (IllegalStateException e) { // nobody is left to wake it
          parked = true;
        }
        points = Math.max(points, w.strands.disarm());
        if (parked && come) {
          return true;
        }
      }
    }
    assertThat(points).as("schedule points").isGreaterThan(2);
    return false;
  }

  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void sleep_withoutTheSwitch_missesNoWakeup(Mode mode) {
    assertThat(someWakeupIsLost(mode, EnumSet.noneOf(Defect.class))).isFalse();
  }

  @Test
  void spl_losesWakeups_onTwoProcessors_butNotOnOne() {
    assertThat(someWakeupIsLost(Mode.FIXED, EnumSet.of(Defect.H_SPL))).isTrue();
    assertThat(someWakeupIsLost(Mode.NAIVE, EnumSet.of(Defect.H_SPL))).isTrue();
    assertThat(someWakeupIsLost(Mode.UP, EnumSet.of(Defect.H_SPL))).isFalse();
  }

  /** Returns whether a count is lost when another thread counts at some schedule point of a count. */
  private static boolean someCountIsLost(Mode mode, Set<Defect> defects) {
    int points = 1;
    for (int at = 0; at < points; at++) {
      try (Two w = new Two(mode, defects)) {
        boolean[] counted = {false};
        w.arm(at, () -> {
          KThread.current().count(Event.VM_FAULTS);
          counted[0] = true;
        });
        w.first.count(Event.VM_FAULTS);
        points = Math.max(points, w.strands.disarm());
        if (w.domain.events(Event.VM_FAULTS.ordinal()) != (counted[0] ? 2 : 1)) {
          return true;
        }
      }
    }
    return false;
  }

  @Test
  void counters_plain_loseCounts_onTwoProcessors_butNotOnOne() {
    assertThat(someCountIsLost(Mode.FIXED, EnumSet.noneOf(Defect.class))).isFalse();
    assertThat(someCountIsLost(Mode.FIXED, EnumSet.of(Defect.H_COUNTERS))).isTrue();
    assertThat(someCountIsLost(Mode.UP, EnumSet.of(Defect.H_COUNTERS))).isFalse();
  }
}
