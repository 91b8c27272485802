package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How the page daemon ends. */
@Timeout(60)
final class PageoutDaemonTest {
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  /** Has nothing that is finished, and takes its time to say so at first. */
  private static final class SlowPager implements Pager {
    final CountDownLatch asked = new CountDownLatch(1);
    final CountDownLatch answer = new CountDownLatch(1);

    @Override
    public boolean hasFinished() {
      asked.countDown();
      try {
        answer.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return false;
    }

    @Override
    public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
      throw new AssertionError("nothing to write");
    }

    @Override
    public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
      return PagerReturn.FAIL;
    }

    @Override
    public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
      return false;
    }

    @Override
    public boolean hasPageLocked(VmObject o, long pagerOffset) {
      return false;
    }

    @Override
    public void dealloc(VmObject o) {}

    @Override
    public void detached(VmObject o) {}
  }

  private static final SwapState NO_SWAP =
      new SwapState() {
        @Override
        public boolean isUsable() {
          return false;
        }

        @Override
        public boolean isBusy() {
          return false;
        }

        @Override
        public long pagesWritten() {
          return 0;
        }

        @Override
        public long pagesFailed() {
          return 0;
        }
      };

  /**
   * A shutdown between the daemon's last look and its sleep is not slept through: not in UP mode either, where the free
   * list's mutex is none.
   */
  @ParameterizedTest
  @EnumSource(names = {"FIXED", "UP"})
  void shutdown_betweenTheLastLookAndTheSleep_isSeen(Mode mode) throws InterruptedException {
    Strands strands = new ThreadStrands();
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(64).diskBlocks(64).build();
    Kernel k = new Kernel(KernelConfig.builder(machine).mode(mode).build(), strands);
    SlowPager pager = new SlowPager();
    HelperDaemons helpers =
        new HelperDaemons(k.domain(), new MapTrimmer(k.pages()), k.vnodePager(), k.processes(), DaemonOptions.DEFAULT);
    PageoutDaemon daemon =
        new PageoutDaemon(k.domain(), k.pages(), (o, m, how) -> 0, List.of(pager), NO_SWAP, k.processes(), helpers);
    strands.attach("test");
    try {
      k.run("kick", k.pages().freeList()::wakeDaemon);
      assertThat(pager.asked.await(10, TimeUnit.SECONDS)).isTrue();
      AtomicReference<Thread> thread = new AtomicReference<>();
      Strand closer =
          strands.start(
              "closer",
              () -> {
                thread.set(Thread.currentThread());
                daemon.shutdown();
              });
      await().pollInSameThread().atMost(Duration.ofSeconds(10)).until(() -> isParked(thread.get()));
      pager.answer.countDown();
      assertThat(strands.join(closer, PATIENCE_NANOS)).as("the daemon has ended").isTrue();
    } finally {
      strands.detach();
    }
    k.close();
    assertThat(k.death()).isNull();
  }

  private static boolean isParked(Thread t) {
    return t != null && (t.getState() == Thread.State.WAITING || t.getState() == Thread.State.TIMED_WAITING);
  }
}
