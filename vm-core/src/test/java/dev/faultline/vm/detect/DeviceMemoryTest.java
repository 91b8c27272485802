package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.MemoryCalls;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.SystemCalls;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Processes over a device's memory, under the content oracle and the invariants (3.6, 3.8 mmap, I-34, I-61). */
@Timeout(60)
final class DeviceMemoryTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 6;
  private static final long AT = 0x100000;
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private Kernel kernel;
  private Device device;
  private ContentOracle oracle;
  private final Findings findings = new Findings();
  private final List<String> refused = new CopyOnWriteArrayList<>();

  private Kernel boot(Mode mode) {
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(96).deviceFrames(PAGES).diskBlocks(8L * 256)
        .tickNanos(1_000_000).stamps(true).build();
    kernel = new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(128).witness(true).build(), STRANDS);
    device = kernel.devicePager().create("display", 0, PAGES);
    oracle = new ContentOracle(kernel.machine().memory(), findings);
    oracle.install(kernel.machine());
    kernel.processes().setWatcher(oracle);
    oracle.fileCreated(device, (long) PAGES * PAGE, offset -> 0);
    return kernel;
  }

  private void must(CallResult r) {
    if (r != CallResult.OK) {
      refused.add(String.valueOf(r));
    }
  }

  private void draw(ProcThread t, int rounds, long seed) {
    SystemCalls calls = kernel.processes().systemCalls();
    MemoryCalls memory = calls.memory();
    for (int i = 0; i < rounds; i++) {
      must(memory.mmapDevice(t, AT, PAGES * PAGE, RW, device, 0));
      for (int n = 0; n < 40; n++) {
        long va = AT + (n * 7L + seed) % PAGES * PAGE + (n + seed) % 16 * 8;
        must(n % 3 == 0 ? t.access().store(va, seed * 1000 + n) : n % 3 == 1 ? t.access().load(va)
            : t.access().add(va, 1));
      }
      if (i % 4 == 0) {
        must(calls.paging().mlock(t, AT, 2 * PAGE));
        must(t.access().store(AT, i));
        must(calls.paging().munlock(t, AT, PAGE));
      }
      must(memory.munmap(t, AT, PAGES * PAGE));
    }
  }

  private void run(Mode mode) {
    kernel.run("boot", () -> kernel.processes().start(1, t -> {
      SystemCalls calls = kernel.processes().systemCalls();
      must(calls.memory().mmapDevice(t, AT, PAGES * PAGE, RW, device, 0));
      must(t.access().store(AT + 2 * PAGE, 42));
      for (int child = 2; child <= 4; child++) {
        int seed = child;
        must(calls.life().fork(t, child, c -> {
          must(c.access().load(AT + 2 * PAGE)); // inherited, shared
          draw(c, 60, seed);
        }));
      }
      must(calls.memory().mmapAnon(t, 0x900000, 60 * PAGE, RW, false));
      must(t.access().fill(0x900000, 60 * PAGE / 8, 1)); // pressure
      assertThat(calls.memory().mmapDevice(t, AT, PAGES * PAGE, RW, device, PAGE)).isEqualTo(CallResult.EINVAL);
      must(calls.memory().mmapDevice(t, AT, PAGE, RW, device, 5 * PAGE));
      must(t.access().load(AT));
    }));
    kernel.domain().strands().attach("test");
    try {
      assertThat(kernel.processes().awaitEnd(TimeUnit.SECONDS.toNanos(30))).isTrue();
      assertThat(Quiescence.await(kernel, TimeUnit.SECONDS.toNanos(20))).isTrue();
    } finally {
      kernel.domain().strands().detach();
    }
    assertThat(kernel.death()).isNull();
    assertThat(refused).as(mode + "").isEmpty();
  }

  private int verify() {
    return kernel.call("verify", () -> KernelReader.verifyAll(oracle, KernelParts.of(kernel), List.of()));
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void sharedDeviceMemory_isAnAtomicRegister_whateverHappensToItsMappings(Mode mode) {
    try (Kernel k = boot(mode)) {
      run(mode);
      Invariants.check(k, findings);
      assertThat(verify()).isEqualTo(PAGES);
      assertThat(findings.list()).isEmpty();
      assertThat(oracle.judged()).isGreaterThan(1000);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void deviceWordThatNobodyStored_isFound(Mode mode) {
    try (Kernel k = boot(mode)) {
      run(mode);
      k.machine().memory().store(device.frame(3), 5, 0xbad);
      verify();
      assertThat(findings.list()).hasSize(1);
      assertThat(findings.list().get(0).message()).contains("display");
    }
  }
}
