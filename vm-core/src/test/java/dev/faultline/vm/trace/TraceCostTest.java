package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.VmProgram;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What traces cost: an event by itself, and a run with them over one without, one after the other in one JVM. Not a
 * test of anything but that all of them run; the numbers are for docs/traces.md.
 */
@Tag("slow")
@Timeout(value = 20, unit = TimeUnit.MINUTES)
final class TraceCostTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final Path PROGRAM = Path.of("../samples/traces/perl-fork-cow.vm.gz");
  private static final int ROUNDS = Integer.getInteger("faultline.rounds", 20);
  private static final int EVENTS = 2_000_000;

  private record Page(TraceKind traceKind, long traceId) implements TraceSubject {}

  private enum With {
    NOTHING,
    RINGS_64,
    RINGS_1000,
    /** Booted for the flight recorder, which records nothing. */
    RECORDER,
    RECORDING
  }

  private static TraceOptions options(With with) {
    return switch (with) {
      case NOTHING -> TraceOptions.NONE;
      case RINGS_64 -> TraceOptions.rings(64);
      case RINGS_1000 -> TraceOptions.rings(1000);
      case RECORDER, RECORDING -> new TraceOptions(0, true);
    };
  }

  private static long time(VmProgram program, With with) {
    MachineConfig machine = MachineConfig.builder().frames(256)
        .diskBlocks(8L * 4096 + KernelRun.fileBlocks(program, VmProgram.PAGE_SIZE)).build();
    Kernel kernel = new Kernel(KernelConfig.builder(machine).swapPages(4096).trace(options(with)).build(), STRANDS);
    try (Recording r = new Recording()) {
      if (with == With.RECORDING) {
        r.setToDisk(false);
        r.start();
      }
      KernelRun run = new KernelRun(kernel, program, (bytes, from, count) -> {});
      long began = System.nanoTime();
      run.start();
      assertThat(run.await(TimeUnit.SECONDS.toNanos(120))).isTrue();
      long nanos = System.nanoTime() - began;
      kernel.close();
      return nanos;
    }
  }

  /** Returns nanoseconds for an event, of one of so many strands that record at the same time; the best of five. */
  private static double event(Tracer t, int strands) {
    double best = Double.MAX_VALUE;
    for (int round = 0; round < 5; round++) {
      long began = System.nanoTime();
      List<Strand> started = new ArrayList<>();
      for (int n = 0; n < strands; n++) {
        started.add(STRANDS.start("s", () -> {
          Page page = new Page(TraceKind.PAGE, 1);
          for (int i = 0; i < EVENTS; i++) {
            t.event(TraceEvent.QUEUE, page, i, 4);
          }
        }));
      }
      started.forEach(STRANDS::join);
      best = Math.min(best, (double) (System.nanoTime() - began) / EVENTS);
    }
    return best;
  }

  @Test
  void printsWhatTracesCost() throws Exception {
    System.out.printf(Locale.ROOT, "JDK %s, %d processors, assertions %s%n", System.getProperty("java.version"),
        Runtime.getRuntime().availableProcessors(), TraceCostTest.class.desiredAssertionStatus() ? "on" : "off");
    System.out.printf(Locale.ROOT, "an event: off %.2f ns, one strand %.1f ns, two at once %.1f ns%n",
        event(new Tracer(TraceOptions.NONE), 1), event(new Tracer(TraceOptions.rings(64)), 1),
        event(new Tracer(TraceOptions.rings(64)), 2));
    Map<With, Long> fastest = new EnumMap<>(With.class);
    try (VmProgram program = VmProgram.open(PROGRAM.toString())) {
      for (int round = -3; round < ROUNDS; round++) {
        for (With w : With.values()) {
          long nanos = time(program, w);
          if (round >= 0) {
            fastest.merge(w, nanos, Math::min);
          }
        }
      }
    }
    double base = fastest.getOrDefault(With.NOTHING, 1L);
    fastest.forEach((w, nanos) -> System.out.printf(Locale.ROOT, "  %-10s %.2f (%.1f ms)%n", w, nanos / base,
        nanos / 1e6));
  }
}
