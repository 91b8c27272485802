package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SleepLock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A kernel in which nobody can wake anybody is reported at once, with who waits for whom; one that waits is not. */
@Timeout(60)
final class HangDetectorTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private final NamedChannel never = new NamedChannel("never", 77);
  private @Nullable Kernel kernel;
  private @Nullable Finding found;

  private Kernel boot(Mode mode) {
    return boot(mode, DaemonOptions.DEFAULT);
  }

  private Kernel boot(Mode mode, DaemonOptions daemons) {
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(64).diskBlocks(64).build();
    Kernel k = new Kernel(KernelConfig.builder(machine).mode(mode).daemons(daemons).build(), STRANDS);
    kernel = k;
    k.domain().strands().attach("test");
    return k;
  }

  /** Leaves the sleepers of a kernel that hung where they are; wakes those that can be woken. */
  @AfterEach
  void end() {
    Kernel k = kernel;
    if (k != null) {
      k.run("end", () -> k.domain().sleepQueues().wakeup(never));
      k.domain().strands().detach();
    }
  }

  private static void start(Kernel k, long pid, Runnable body) {
    k.run("boot", () -> k.processes().start(pid, t -> t.inKernel(body)));
  }

  private static Finding awaitFinding(HangDetector d, Duration atMost) {
    Finding[] f = new Finding[1];
    Awaitility.await().pollInSameThread().atMost(atMost).pollInterval(Duration.ofMillis(2))
        .until(() -> (f[0] = d.look(System.nanoTime())) != null);
    return f[0];
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_sleeperThatNobodyWakes_isReportedLongBeforeAnyTimeout(Mode mode) {
    Kernel k = boot(mode);
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    assertThat(f.kind()).isEqualTo(Finding.Kind.HANG);
    assertThat(f.message()).startsWith("I-58 all threads wait");
    assertThat(f.details()).containsEntry("live processes", "1").containsEntry("disk", "idle");
    assertThat(f.details().get("wait 0")).contains("waits, lost, for never");
    assertThat(f.details().get("graph")).startsWith("digraph").contains("\"lost\"");
  }

  /** A daemon that works by the clock might still help: not once it has been through a whole pass. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_sleeperBesideADaemonWithAPeriod_isReported_afterAPass(Mode mode) {
    Kernel k = boot(mode, DaemonOptions.DEFAULT.withSyncTicks(3));
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    assertThat(f.message()).startsWith("I-58 all threads wait");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_twoLocksInOppositeOrder_isReportedWithTheCycle(Mode mode) {
    Kernel k = boot(mode);
    SleepLock a = new SleepLock(k.domain(), "a", 11);
    SleepLock b = new SleepLock(k.domain(), "b", 12);
    AtomicInteger both = new AtomicInteger();
    start(k, 3, () -> takeBoth(k, a, b, both));
    start(k, 4, () -> takeBoth(k, b, a, both));
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    String cycle = f.details().get("cycle");
    assertThat(cycle).isNotNull().contains("3").contains("4");
    assertThat(List.copyOf(f.details().values())).anyMatch(v -> v.contains("vnlock, for vnode lock(b"));
  }

  private void takeBoth(Kernel k, SleepLock first, SleepLock second, AtomicInteger both) {
    first.lock();
    both.incrementAndGet();
    while (both.get() < 2) {
      k.domain().sleepQueues().sleepOn(never, null, "rendezvous", 1);
    }
    second.lock();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_threadThatIsBeingStarted_isNotTakenForNobody(Mode mode) {
    Kernel k = boot(mode);
    CountDownLatch go = new CountDownLatch(1);
    k.domain().start("slow to start", () -> {
      try {
        go.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      k.domain().began();
    });
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    HangDetector d = new HangDetector(k, () -> 0);
    Awaitility.await().pollInSameThread().until(() -> WaitForGraph.of(k.domain()).waits().size() == 1);
    assertThat(d.look(System.nanoTime())).isNull();
    assertThat(d.look(System.nanoTime())).isNull();
    go.countDown();
    assertThat(awaitFinding(d, Duration.ofSeconds(10)).message()).startsWith("I-58 all threads wait");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_kernelThatSleepsForTimeToPass_isNotReported(Mode mode) {
    Kernel k = boot(mode);
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "delay", 8));
    HangDetector d = new HangDetector(k, () -> 0);
    Awaitility.await().pollInSameThread().pollInterval(Duration.ofMillis(2)).until(() -> {
      int before = k.processes().live();
      found = d.look(System.nanoTime());
      return found != null || before == 0;
    });
    assertThat(found).isNull();
  }
}
