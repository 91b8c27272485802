package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.InterruptContext;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.MapLock;
import dev.faultline.vm.sync.NamedChannel;
import dev.faultline.vm.sync.SleepLock;
import dev.faultline.vm.sync.WaitClass;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.xml.parsers.DocumentBuilderFactory;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.w3c.dom.Document;

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
    assertThat(f.details()).containsKey("picture").containsEntry("live processes", "1").containsEntry("disk", "idle");
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

  /** But before that pass it may be the one that helps. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_sleeperBesideADaemonWithAPeriod_isNotReported_beforeItsPass(Mode mode) {
    Kernel k = boot(mode, DaemonOptions.DEFAULT.withSyncTicks(1_000_000));
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    Awaitility.await().pollInSameThread().until(() -> WaitForGraph.of(k.domain()).waits().size() == 2);
    assertNothingFound(k);
  }

  private static void assertNothingFound(Kernel k) {
    HangDetector d = new HangDetector(k, () -> 0);
    for (int i = 0; i < 10; i++) {
      assertThat(d.look(System.nanoTime())).isNull();
      Strand.current().parkNanos(3_000_000);
    }
  }

  /** A disk that is busy will wake whoever waits for it, as long as it is not busy for ever. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_sleeperForABusyDisk_isNotReported(Mode mode) {
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(64).diskBlocks(64)
        .disk(new DiskProfile("slow", 300_000_000, 0, 0, 0, 1, DiskProfile.Order.FIFO, false)).build();
    Kernel k = new Kernel(KernelConfig.builder(machine).mode(mode).build(), STRANDS);
    kernel = k;
    k.domain().strands().attach("test");
    Vnode file = k.call("create", () -> k.volume().create("f", 4096, 1));
    k.run("boot", () -> k.processes().start(3, t -> {
      k.processes().systemCalls().memory().mmapFile(t, 0x10000, 4096, VmProt.READ, true, file, 0);
      t.access().load(0x10000);
    }));
    Awaitility.await().pollInSameThread().until(() -> !k.machine().disk().idle()
        && WaitForGraph.of(k.domain()).waits().size() == 1);
    assertNothingFound(k);
    assertThat(k.processes().awaitEnd(Duration.ofSeconds(10).toNanos())).isTrue();
  }

  /** The page daemon pauses for a tick between passes, and may make several in vain before it kills. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_sleeperBesideThePageDaemon_isNotReported_whileThatTries(Mode mode) {
    Kernel k = boot(mode);
    AtomicBoolean done = new AtomicBoolean();
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    k.domain().start("pagedaemon", () -> passes(k, done));
    HangDetector d = new HangDetector(k, () -> 0);
    Awaitility.await().pollInSameThread().pollInterval(Duration.ofMillis(2)).until(() -> {
      boolean before = done.get();
      found = d.look(System.nanoTime());
      return found != null || before;
    });
    assertThat(found).isNull();
  }

  private void passes(Kernel k, AtomicBoolean done) {
    NamedChannel rest = new NamedChannel("rest", 9);
    KThread t = new KThread(k.domain(), "pagedaemon", true);
    t.restsOn(rest);
    k.domain().began();
    k.domain().token().enter();
    for (int i = 0; i < 12; i++) {
      k.domain().sleepQueues().sleepOn(rest, null, "pgpause", 1);
    }
    done.set(true);
    k.domain().sleepQueues().wakeup(never);
    k.domain().token().leave();
    t.end();
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

  /** Who waits for a processor gets one, though a snapshot may see nobody who has any. */
  @Test
  void look_threadThatWaitsForAProcessor_isNotReported() {
    Kernel k = boot(Mode.FIXED);
    AtomicBoolean done = new AtomicBoolean();
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    start(k, 4, () -> {
      KThread.current().awaitsCpu(true);
      while (!done.get()) {
        Strand.current().parkNanos(1_000_000);
      }
      KThread.current().awaitsCpu(false);
    });
    Awaitility.await().pollInSameThread().until(() -> WaitForGraph.of(k.domain()).waits().size() == 2);
    assertNothingFound(k);
    done.set(true);
  }

  /** A channel that does something as a snapshot comes to it. */
  private static final class Watched implements Channel {
    volatile Runnable onLook = () -> {};

    @Override
    public int channelNumber() {
      return 79;
    }

    @Override
    public String toString() {
      onLook.run();
      return "a transfer";
    }
  }

  /** A transfer ends while the snapshot is taken, which misses whom it wakes: the disk was busy before. */
  @Test
  void look_transferThatEndsDuringTheSnapshot_isNoHang() {
    Kernel k = boot(Mode.FIXED);
    Watched transfer = new Watched();
    AtomicBoolean end = new AtomicBoolean();
    DiskRequest r = new DiskRequest();
    r.write = true;
    r.blockCount = 8;
    r.frames = new int[] {5};
    r.frameCount = 1;
    r.callback = () -> {
      while (!end.get()) {
        Strand.current().parkNanos(100_000);
      }
    };
    k.run("submit", () -> k.machine().disk().submit(r));
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(transfer, null, "biowait"));
    Awaitility.await().pollInSameThread().until(() -> WaitForGraph.of(k.domain()).waits().size() == 1);
    HangDetector d = new HangDetector(k, () -> 0);
    assertThat(d.look(System.nanoTime())).isNull();
    transfer.onLook = () -> {
      end.set(true);
      while (!k.machine().disk().idle()) {
        Strand.current().parkNanos(100_000);
      }
    };
    while (!end.get()) {
      assertThat(d.look(System.nanoTime())).isNull();
    }
    k.run("end", () -> k.domain().sleepQueues().wakeup(transfer));
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

  /** A fault that begins with a retry, or a count between two others, makes a sum below 0: patience begins there. */
  @Test
  void look_fewerFaultsThanRetries_isNoReasonForHaste() {
    Kernel k = boot(Mode.FIXED);
    AtomicBoolean done = new AtomicBoolean();
    start(k, 3, () -> spin(k, done));
    for (int sum = -3; sum <= 0; sum++) {
      int work = sum;
      assertThat(new HangDetector(k, () -> work).look(1_000_000_000_000L)).as("sum of %d", sum).isNull();
    }
    done.set(true);
  }

  private static void spin(Kernel k, AtomicBoolean done) {
    while (!done.get()) { // in the kernel, asleep for a tick at a time
      k.domain().sleepQueues().sleepOn(new NamedChannel("spin", 5), null, "spin", 1);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_afterAnInterrupt_stillSeesThatNobodyRuns(Mode mode) {
    Kernel k = boot(mode);
    k.domain().strands().start("interrupts", () -> {
      InterruptContext.enter(k.domain(), "interrupt");
      InterruptContext.leave(k.domain());
      Strand.current().parkNanos(Duration.ofSeconds(30).toNanos());
    });
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "lost"));
    assertThat(awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10)).message()).startsWith("I-58 all");
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_circle_isReported_whileOthersGoOn(Mode mode) {
    Kernel k = boot(mode);
    AtomicBoolean done = new AtomicBoolean();
    SleepLock a = new SleepLock(k.domain(), "a", 11);
    SleepLock b = new SleepLock(k.domain(), "b", 12);
    AtomicInteger both = new AtomicInteger();
    start(k, 2, () -> spin(k, done));
    start(k, 3, () -> takeBoth(k, a, b, both));
    start(k, 4, () -> takeBoth(k, b, a, both));
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    done.set(true);
    assertThat(f.message()).startsWith("I-58 threads wait for each other in a circle");
    assertThat(f.details().get("cycle")).contains("3").contains("4").doesNotContain("pid 2");
  }

  /** R30: a reader waits behind a queued writer, who waits for another reader, who waits for the first. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_circleThroughAQueuedWriter_isReported(Mode mode) {
    Kernel k = boot(mode);
    AtomicBoolean done = new AtomicBoolean();
    MapLock map = new MapLock(k.domain(), "map", 21);
    SleepLock page = new SleepLock(k.domain(), "page", 22);
    AtomicInteger held = new AtomicInteger();
    AtomicBoolean queued = new AtomicBoolean();
    start(k, 2, () -> spin(k, done));
    start(k, 3, () -> {
      map.lockRead();
      held.incrementAndGet();
      spin(k, queued);
      page.lock();
    });
    start(k, 4, () -> {
      page.lock();
      held.incrementAndGet();
      spin(k, queued);
      map.lockRead();
    });
    Awaitility.await().until(() -> held.get() == 2);
    start(k, 5, map::lockWrite);
    Awaitility.await().pollInSameThread().until(() -> WaitForGraph.of(k.domain()).waits().stream().anyMatch(
        w -> w.tag().equals("thrd_write")));
    queued.set(true);
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    done.set(true);
    assertThat(f.message()).contains("in a circle");
    assertThat(f.details().get("cycle")).contains("3").contains("4").contains("5");
  }

  /** A program's own sleep excuses the process that sleeps, and no other. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void look_hangBesideAProcessThatSleeps_isReported(Mode mode) {
    Kernel k = boot(mode);
    NamedChannel page = new NamedChannel("a page", 78, WaitClass.BUSY);
    k.run("boot", () -> k.processes().start(5, t -> k.processes().systemCalls().life().sleep(t, 300)));
    HangDetector d = new HangDetector(k, () -> 0);
    Awaitility.await().until(() -> k.processes().sleeping() == 1);
    assertThat(d.look(System.nanoTime())).isNull();
    assertThat(d.look(System.nanoTime())).isNull();
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(page, null, "lost"));
    assertThat(awaitFinding(d, Duration.ofSeconds(2)).message()).startsWith("I-58 all threads wait");
    k.run("end", () -> k.domain().sleepQueues().wakeup(page));
    k.run("end", () -> k.processes().stop());
  }

  @Test
  void look_timeoutThatTheClockLost_isReported() {
    Kernel k = boot(Mode.FIXED);
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(never, null, "timed", 2_000));
    Awaitility.await().until(() -> k.machine().clock().pending() == 1);
    new Broken().set(k.machine().clock(), "size", 0);
    HangDetector d = new HangDetector(k, () -> 0);
    assertThat(d.look(System.nanoTime())).isNull();
    assertThat(d.look(System.nanoTime())).as("not yet due").isNull();
    long due = k.machine().clock().now() + 2_000 + 1_100_000_000L / k.machine().clock().tickNanos();
    Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> k.machine().clock().now() > due);
    long now = System.nanoTime();
    for (int i = 0; i < 9; i++) { // the host has stood still, and has run nobody but the one who looks
      assertThat(d.look(now)).as("the clock may be late itself").isNull();
      now += 20_000_000_000L;
      Awaitility.await().pollDelay(Duration.ofMillis(20)).until(() -> true); // no look before its time
    }
    Finding f = awaitFinding(d, Duration.ofSeconds(30));
    assertThat(f.message()).startsWith("I-58 all threads wait");
    assertThat(f.details().get("lost wakeups")).contains("long past");
  }

  @Test
  void look_sleeperForMemoryBesidePlenty_isReported() {
    Kernel k = boot(Mode.FIXED);
    AtomicBoolean done = new AtomicBoolean();
    FreeList free = k.pages().freeList();
    start(k, 2, () -> spin(k, done));
    start(k, 3, () -> {
      free.lock.lock();
      k.domain().sleepQueues().sleepOn(free.freeChannel, free.lock, "vmwait");
    });
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    done.set(true);
    assertThat(f.message()).startsWith("I-59 ");
    k.run("end", () -> k.domain().sleepQueues().wakeup(free.freeChannel));
  }

  @Test
  void look_sleeperForAPageThatNobodyHas_isReported_whileOthersGoOn() {
    Kernel k = boot(Mode.FIXED);
    AtomicBoolean done = new AtomicBoolean();
    VmPage m = k.pages().page(5);
    start(k, 2, () -> spin(k, done));
    start(k, 3, () -> k.domain().sleepQueues().sleepOn(m, null, "vmpfw"));
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    done.set(true);
    assertThat(f.message()).startsWith("I-58 ").contains("vmpfw", "for what nobody has any more", "page(frame=5");
    k.run("end", () -> k.domain().sleepQueues().wakeup(m));
  }

  @Test
  void look_threadThatTriesAgainAndAgain_isReported() {
    Kernel k = boot(Mode.FIXED);
    AtomicBoolean done = new AtomicBoolean();
    start(k, 2, () -> spin(k, done));
    start(k, 3, () -> {
      while (!done.get()) {
        KThread.current().count(Event.FAULT_RETRIES);
      }
    });
    Finding f = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10));
    done.set(true);
    assertThat(f.message()).startsWith("I-60 ").contains("3").contains("times and got nowhere");
  }

  @Test
  void thePicture_isADocument_withEverybodyInIt() throws Exception {
    Kernel k = boot(Mode.FIXED);
    SleepLock a = new SleepLock(k.domain(), "a <&> \"", 11);
    SleepLock b = new SleepLock(k.domain(), "b", 12);
    AtomicInteger both = new AtomicInteger();
    start(k, 3, () -> takeBoth(k, a, b, both));
    start(k, 4, () -> takeBoth(k, b, a, both));
    String svg = awaitFinding(new HangDetector(k, () -> 0), Duration.ofSeconds(10)).details().get("picture");
    assertThat(svg).contains("vnlock", "#b00020", "a &lt;&amp;&gt;");
    Document d = DocumentBuilderFactory.newInstance().newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    assertThat(d.getDocumentElement().getTagName()).isEqualTo("svg");
    assertThat(d.getElementsByTagName("rect").getLength()).isEqualTo(4);
    assertThat(d.getElementsByTagName("line").getLength()).isEqualTo(4);
  }

  /** For docs/detectors.md: how long after its last step a hang is reported, to one who looks every 2 ms. */
  @Test
  void printsHowLongItTakes() {
    List<Long> nanos = new ArrayList<>();
    for (int i = 0; i < 15; i++) {
      Kernel k = boot(Mode.FIXED);
      AtomicLong last = new AtomicLong();
      start(k, 3, () -> {
        last.set(System.nanoTime());
        k.domain().sleepQueues().sleepOn(never, null, "lost");
      });
      HangDetector d = new HangDetector(k, () -> 0);
      Strand me = Strand.current();
      while (d.look(System.nanoTime()) == null) {
        me.parkNanos(2_000_000);
      }
      nanos.add(System.nanoTime() - last.get());
      end();
      kernel = null;
    }
    nanos.sort(null);
    if (Boolean.getBoolean("faultline.print")) {
      System.out.printf(Locale.ROOT, "from the hang to its report: median %.1f ms, longest of %d %.1f ms%n",
          nanos.get(nanos.size() / 2) / 1e6, nanos.size(), nanos.get(nanos.size() - 1) / 1e6);
    }
    assertThat(nanos.get(0)).isLessThan(Duration.ofSeconds(1).toNanos());
  }
}
