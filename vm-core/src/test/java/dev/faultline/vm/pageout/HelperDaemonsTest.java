package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.SystemCalls;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** vm_daemon and the sync daemon at work in a whole kernel (vm-semantics 3.5). */
@Timeout(60)
final class HelperDaemonsTest {
  private static final long AT = 0x10000;
  private static final int PAGE = 4096;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private Kernel kernel;

  private Kernel boot(Mode mode, int frames, DaemonOptions daemons) {
    MachineConfig machine =
        MachineConfig.builder().cpus(2).frames(frames).diskBlocks(8L * 320).tickNanos(1_000_000).build();
    kernel = new Kernel(
        KernelConfig.builder(machine).mode(mode).swapPages(64).witness(true).daemons(daemons).build(), STRANDS);
    return kernel;
  }

  private void run(Consumer<ProcThread> body) {
    kernel.run("boot", () -> kernel.processes().start(1, t -> {
      body.accept(t);
      kernel.processes().systemCalls().life().exit(t);
    }));
    kernel.domain().strands().attach("test");
    try {
      assertThat(kernel.processes().awaitEnd(TimeUnit.SECONDS.toNanos(30))).isTrue();
    } finally {
      kernel.domain().strands().detach();
    }
    assertThat(kernel.death()).isNull();
  }

  @AfterEach
  void close() {
    kernel.close();
    assertThat(kernel.death()).isNull();
  }

  private static void until(BooleanSupplier condition) {
    await().pollInSameThread().atMost(10, TimeUnit.SECONDS).until(condition::getAsBoolean);
  }

  /** Returns how many threads the kernel has besides the caller. */
  private int threads() {
    return kernel.call("count", () -> {
      AtomicInteger n = new AtomicInteger(-1);
      kernel.domain().forEachThread(t -> n.incrementAndGet());
      return n.get();
    });
  }

  private int cachedFiles() {
    return kernel.call("count", kernel.objects()::cachedCount);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void booting_andARunWithPlentyOfMemory_startNoDaemon(Mode mode) {
    boot(mode, 128, DaemonOptions.DEFAULT);
    run(t -> {
      kernel.processes().systemCalls().memory().mmapAnon(t, AT, 8 * PAGE, RW, false);
      assertThat(t.access().fill(AT, 8 * PAGE / 8, 1)).isEqualTo(CallResult.OK);
    });
    assertThat(threads()).isZero();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void whoHasMoreThanItMay_isTrimmed_childrenToo(Mode mode) {
    boot(mode, 128, DaemonOptions.DEFAULT.withResidentPages(10));
    SystemCalls calls = kernel.processes().systemCalls();
    run(t -> {
      calls.life().fork(t, 2, c -> {
        calls.memory().mmapAnon(c, AT, 30 * PAGE, RW, false);
        c.access().fill(AT, 30 * PAGE / 8, 1);
        for (int i = 0; i < 10; i++) { // as vm_daemon does: old enough, at last
          c.inKernel(() -> {
            for (ProcessWalker.OverLimit p : kernel.processes().overLimit()) {
              new MapTrimmer(kernel.pages()).trim(p.map(), p.limit(), p.swappedOut());
              p.map().deallocate();
            }
          });
        }
        assertThat(c.process().vmspace().pmap().residentCount()).isEqualTo(10);
        calls.life().exit(c);
      });
      calls.life().waitFor(t, t.lastChild());
    });
    assertThat(kernel.events(Event.TRIMMED)).isEqualTo(20);
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void vmDaemon_letsGoOfCachedFilesWithoutPages(Mode mode) {
    boot(mode, 64, DaemonOptions.DEFAULT);
    Vnode file = kernel.call("create", () -> kernel.volume().create("f", 8L * PAGE, 1));
    SystemCalls calls = kernel.processes().systemCalls();
    run(t -> {
      calls.memory().mmapFile(t, AT, 8 * PAGE, VmProt.READ, true, file, 0);
      t.access().sum(AT, 8 * PAGE / 8);
      calls.memory().munmap(t, AT, 8 * PAGE);
      t.inKernel(() -> assertThat(kernel.objects().cachedCount()).as("cached with its pages").isEqualTo(1));
      calls.memory().mmapAnon(t, AT, 100 * PAGE, RW, false);
      for (int i = 0; i < 200 && kernel.objects().cachedCount() > 0; i++) {
        assertThat(t.access().fill(AT, 100 * PAGE / 8, i)).isEqualTo(CallResult.OK);
      }
    });
    assertThat(cachedFiles()).isZero();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void syncDaemon_writesWhatWasStored_whenKicked_andByTheClock(Mode mode) {
    for (long ticks = 0; ticks <= 5; ticks += 5) {
      boot(mode, 64, DaemonOptions.DEFAULT.withSyncTicks(ticks));
      Vnode file = kernel.call("create", () -> kernel.volume().create("f", 2L * PAGE, 1));
      HelperDaemons own = new HelperDaemons(
          kernel.domain(), new MapTrimmer(kernel.pages()), kernel.vnodePager(), kernel.processes(),
          DaemonOptions.DEFAULT);
      boolean kick = ticks == 0;
      run(t -> {
        kernel.processes().systemCalls().memory().mmapFile(t, AT, 2 * PAGE, RW, true, file, 0);
        assertThat(t.access().store(AT, 4711)).isEqualTo(CallResult.OK);
        if (kick) {
          t.inKernel(own::requestSync);
        }
        until(() -> kernel.machine().disk().blocksMoved() >= 16 && onDisk(file) == 4711);
      });
      assertThat(kernel.events(Event.SYNCS)).isPositive();
      kernel.domain().strands().attach("test");
      own.shutdown();
      kernel.domain().strands().detach();
      if (kick) {
        kernel.close();
      }
    }
  }

  /** What nobody has stored to since it was clean is passed over; and no file is kept longer than its turn takes. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void syncDaemon_choosesFilesThatAreStoredTo_andKeepsNone(Mode mode) {
    boot(mode, 64, DaemonOptions.NONE);
    Vnode stored = kernel.call("create", () -> kernel.volume().create("stored", PAGE, 1));
    Vnode read = kernel.call("create", () -> kernel.volume().create("read", PAGE, 2));
    HelperDaemons own = new HelperDaemons(
        kernel.domain(), new MapTrimmer(kernel.pages()), kernel.vnodePager(), kernel.processes(), DaemonOptions.NONE);
    int[] references = new int[2];
    run(t -> {
      kernel.processes().systemCalls().memory().mmapFile(t, AT, PAGE, RW, true, stored, 0);
      kernel.processes().systemCalls().memory().mmapFile(t, AT + PAGE, PAGE, VmProt.READ, true, read, 0);
      assertThat(t.access().store(AT, 4711)).isEqualTo(CallResult.OK);
      assertThat(t.access().load(AT + PAGE)).isEqualTo(CallResult.OK);
      t.inKernel(own::requestSync);
      until(() -> kernel.domain().events(Event.SYNCS.ordinal()) > 0);
      t.inKernel(() -> {
        references[0] = references(stored);
        references[1] = references(read);
      });
    });
    kernel.domain().strands().attach("test");
    own.shutdown();
    kernel.domain().strands().detach();
    assertThat((long) kernel.call("look", () -> onDisk(stored))).isEqualTo(4711);
    assertThat(kernel.events(Event.SYNCS)).isEqualTo(1);
    assertThat(references).as("its mapping's").containsExactly(1, 1);
  }

  private int references(Vnode v) {
    VmObject o = kernel.vnodePager().liveObjectOf(v);
    int others = o.refCount() - 1;
    o.deallocate();
    return others;
  }

  private long onDisk(Vnode file) {
    long[] words = new long[PAGE / 8];
    kernel.volume().diskPage(file, 0, words);
    return words[0];
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void zeroIdle_zeroesInAdvance_andZeroFillTakesThose(Mode mode) {
    boot(mode, 64, DaemonOptions.DEFAULT.withZeroIdle(true));
    run(t -> {
      kernel.processes().systemCalls().memory().mmapAnon(t, AT, 100 * PAGE, RW, false);
      assertThat(t.access().store(AT, 0)).isEqualTo(CallResult.OK); // the first allocation starts the loop
      until(() -> kernel.domain().events(Event.ZERO_IDLE.ordinal()) > 0);
      for (int i = 0; i < 100; i++) {
        assertThat(t.access().store(AT + (long) i * PAGE, i)).isEqualTo(CallResult.OK);
        assertThat(t.access().load(AT + (long) i * PAGE + 8)).isEqualTo(CallResult.OK);
        assertThat(t.access().value()).isZero();
      }
    });
    until(() -> kernel.<Integer>call("look", () -> kernel.pages().freeList().lengths()[1]) == 8);
    assertThat(kernel.pages().freeList().beingZeroed()).isNull();
  }
}
