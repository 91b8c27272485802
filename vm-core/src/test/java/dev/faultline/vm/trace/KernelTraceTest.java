package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.program.ProgramException;
import dev.faultline.vm.program.VmProgram;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a whole kernel records of a program that pages, forks and shares. */
@Timeout(120)
final class KernelTraceTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();
  private static final Path PROGRAM = Path.of("../samples/traces/ls.vm.gz");

  @TempDir Path dir;

  private static Kernel run(Mode mode, TraceOptions trace) throws ProgramException, IOException {
    try (VmProgram program = VmProgram.open(PROGRAM.toString(), lines -> {})) {
      MachineConfig machine =
          MachineConfig.builder()
              .frames(67)
              .diskBlocks(8 * 4096 + KernelRun.fileBlocks(program, 4096))
              .build();
      Kernel kernel =
          new Kernel(KernelConfig.builder(machine).mode(mode).swapPages(4096).trace(trace).build(), STRANDS);
      KernelRun run = new KernelRun(kernel, program, (bytes, from, length) -> {});
      run.start();
      assertThat(run.await(TimeUnit.SECONDS.toNanos(100))).isTrue();
      assertThat(kernel.death()).isNull();
      kernel.close();
      return kernel;
    }
  }

  private static Trace trace(Kernel kernel) {
    EventRings rings = kernel.tracer().rings();
    assertThat(rings).isNotNull();
    return rings.trace();
  }

  /** Every event that such a program can bring about is there, and nobody holds what another one holds. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void eventsOfAPagingProgram_areWholeAndInOrder(Mode mode) throws ProgramException, IOException {
    Trace t = trace(run(mode, TraceOptions.rings(1 << 20)));
    assertThat(t.completeFrom()).isEqualTo(1);
    assertThat(t.lanes()).extracting(Trace.Lane::name).contains("pid 17622", "pagedaemon", "disk");
    Set<TraceEvent> seen = EnumSet.noneOf(TraceEvent.class);
    t.records().forEach(r -> seen.add(r.event()));
    Set<TraceEvent> rare = EnumSet.of(TraceEvent.BYPASS, TraceEvent.COLLAPSE, TraceEvent.KILL, TraceEvent.LOCK_MISSED,
        TraceEvent.LOCK_WAIT, TraceEvent.FAULT_RETRY, TraceEvent.MEMORY_WAIT, TraceEvent.MEMORY_WAIT_END,
        TraceEvent.WIRE, TraceEvent.UNWIRE, TraceEvent.RENAME, TraceEvent.SHADOW, TraceEvent.EXEC, TraceEvent.LOAD,
        TraceEvent.STORE, TraceEvent.ALLOC_REFUSED, TraceEvent.COPY);
    rare.addAll(seen);
    assertThat(rare).as("events that this program brings about, and those that it need not").isEqualTo(
        EnumSet.allOf(TraceEvent.class));
    exclusive(t);
  }

  /** A lock's two events stand around what is done with it: nobody else takes it in between. */
  private static void exclusive(Trace t) {
    Map<Long, Integer> holders = new HashMap<>();
    int checked = 0;
    for (TraceRecord r : t.records()) {
      TraceKind kind = TraceKind.kindOf(r.a());
      boolean numbered = kind == TraceKind.LOCK_O || kind == TraceKind.LOCK_Q || kind == TraceKind.LOCK_F
          || kind == TraceKind.TOKEN;
      if (numbered && r.event() == TraceEvent.LOCK) {
        assertThat(holders.put(r.a(), r.strand())).as("%s taken at %d", kind, r.place()).isNull();
        checked++;
      } else if (numbered && r.event() == TraceEvent.UNLOCK) {
        assertThat(holders.remove(r.a())).as("%s given at %d", kind, r.place()).isEqualTo(r.strand());
      }
    }
    assertThat(holders).isEmpty();
    assertThat(checked).isGreaterThan(1000);
  }

  @Test
  void aRecording_hasFaultsSleepsAndDiskRequests() throws ProgramException, IOException {
    Path file = dir.resolve("run.jfr");
    try (Recording r = new Recording()) {
      r.start();
      run(Mode.FIXED, new TraceOptions(0, true));
      r.stop();
      r.dump(file);
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    Map<String, Long> counts = events.stream()
        .map(e -> e.getEventType().getName())
        .filter(n -> n.startsWith("vm."))
        .collect(Collectors.groupingBy(n -> n, Collectors.counting()));
    assertThat(counts.keySet())
        .contains("vm.PageFault", "vm.Sleep", "vm.DiskSubmit", "vm.DiskDone", "vm.Pagein", "vm.Decision",
            "vm.PteChange", "vm.Shootdown", "vm.DaemonPass", "vm.SystemCall");
    assertThat(counts.get("vm.DiskDone")).isEqualTo(counts.get("vm.DiskSubmit"));
    assertThat(events)
        .filteredOn(e -> e.getEventType().getName().equals("vm.PageFault"))
        .allSatisfy(e -> assertThat(e.getString("result")).isEqualTo("SUCCESS"));
  }
}
