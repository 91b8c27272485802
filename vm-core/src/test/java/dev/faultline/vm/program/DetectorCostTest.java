package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.detect.ContentOracle;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.LostModifications;
import dev.faultline.vm.detect.OnlineInvariants;
import dev.faultline.vm.detect.PageCheck;
import dev.faultline.vm.detect.PageOwners;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.detect.ReleaseChecks;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What each detector of a run costs, as a ratio of the run's time with it over without, one after the other in one JVM.
 * Not a test of anything but that all of them run; the table is for docs/detectors.md.
 */
@Tag("slow")
@Timeout(value = 30, unit = TimeUnit.MINUTES)
final class DetectorCostTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final Path TRACES = Path.of("../samples/traces");
  private static final int ROUNDS = Integer.getInteger("faultline.rounds", 60);
  private static final int SWAP_PAGES = 4096;
  private static final long SAMPLE_NANOS = 2_000_000;

  /** What is switched on. */
  private enum With {
    NOTHING,
    WITNESS,
    OWNERSHIP,
    /** The invariants at the release of their locks. */
    RELEASES,
    /** The same, at every release. */
    RELEASES_ALL,
    STAMPS,
    POISON,
    SAMPLES,
    ORACLE,
    /** As RunChecks has it, stamps and poison besides. */
    ALL,
    /** Nothing during the run; the time of the invariants at rest alone. */
    REST
  }

  private static final class Sampler {
    private final Kernel kernel;
    private final Strand strand;
    private volatile boolean stopping;

    Sampler(Kernel kernel) {
      this.kernel = kernel;
      strand = kernel.domain().strands().start("checker", this::sample);
    }

    private void sample() {
      OnlineInvariants online = new OnlineInvariants(kernel.pages(), 1);
      List<PageCheck> more = List.of(
          new LostModifications(kernel.pages(), kernel.swapPager(), kernel.vnodePager(), kernel.objects().pageSize()),
          new PageOwners(kernel.domain()));
      while (!stopping) {
        assertThat(kernel.<List<String>>call("sample", () -> online.sample(16, more))).isEmpty();
        Strand.current().parkNanos(SAMPLE_NANOS);
      }
    }

    void stop() {
      stopping = true;
      strand.unpark();
      kernel.domain().strands().join(strand, TimeUnit.SECONDS.toNanos(5));
    }
  }

  /** Returns the nanoseconds that a run takes from the start of its first process to the end of its last. */
  private static long time(VmProgram program, With with, int frames) {
    boolean all = with == With.ALL;
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(frames)
        .diskBlocks(8L * SWAP_PAGES + KernelRun.fileBlocks(program, VmProgram.PAGE_SIZE))
        .stamps(all || with == With.STAMPS).build();
    KernelConfig config = KernelConfig.builder(machine).swapPages(SWAP_PAGES).witness(all || with == With.WITNESS)
        .ownership(all || with == With.OWNERSHIP)
        .poison(all || with == With.POISON ? 0xdeadf4a3e5L : 0).build();
    Kernel kernel = new Kernel(config, STRANDS);
    Findings findings = new Findings();
    if (all || with == With.RELEASES || with == With.RELEASES_ALL) {
      new ReleaseChecks(kernel, findings, with == With.RELEASES_ALL ? 1 : ReleaseChecks.ONE_IN).install();
    }
    if (all || with == With.ORACLE) {
      ContentOracle oracle = new ContentOracle(kernel.machine().memory(), findings);
      oracle.install(kernel.machine());
      kernel.processes().setWatcher(oracle);
    }
    KernelRun run = new KernelRun(kernel, program, (bytes, from, count) -> {});
    Sampler sampler = all || with == With.SAMPLES ? new Sampler(kernel) : null;
    long began = System.nanoTime();
    run.start();
    assertThat(run.await(TimeUnit.SECONDS.toNanos(120))).isTrue();
    long nanos = System.nanoTime() - began;
    if (sampler != null) {
      sampler.stop();
    }
    if (with == With.REST) {
      kernel.domain().strands().attach("rest");
      assertThat(Quiescence.await(kernel, TimeUnit.SECONDS.toNanos(20))).isTrue();
      kernel.domain().strands().detach();
      began = System.nanoTime();
      Invariants.check(kernel, findings);
      nanos = System.nanoTime() - began;
    }
    assertThat(findings.list()).isEmpty();
    kernel.close();
    return nanos;
  }

  /** The fastest run: what the work takes, on a machine that others use, too. */
  private static long fastest(List<Long> all) {
    return all.stream().mapToLong(Long::longValue).min().orElseThrow();
  }

  private static void print(String trace, int frames) throws Exception {
    Map<With, List<Long>> times = new EnumMap<>(With.class);
    Arrays.stream(With.values()).forEach(w -> times.put(w, new ArrayList<>()));
    try (VmProgram program = VmProgram.open(TRACES.resolve(trace).toString())) {
      for (int round = -5; round < ROUNDS; round++) {
        for (With w : With.values()) {
          long nanos = time(program, w, frames);
          if (round >= 0) {
            times.get(w).add(nanos);
          }
        }
      }
    }
    double base = fastest(times.get(With.NOTHING));
    System.out.printf(
        Locale.ROOT, "%s, %d frames, %d rounds, without any %.1f ms%n", trace, frames, ROUNDS, base / 1e6);
    times.forEach((w, all) -> System.out.printf(
        Locale.ROOT, "  %-8s %.2f (%.1f ms)%n", w, fastest(all) / base, fastest(all) / 1e6));
  }

  @Test
  void printsWhatEachDetectorCosts() throws Exception {
    System.out.println("JDK " + System.getProperty("java.version") + ", "
        + Runtime.getRuntime().availableProcessors() + " processors, assertions "
        + (DetectorCostTest.class.desiredAssertionStatus() ? "on" : "off"));
    print("perl-fork-cow.vm.gz", 16_384);
    print("perl-fork-cow.vm.gz", 256);
  }
}
