package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.EventType;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The vocabulary in a recording of the JDK's flight recorder. */
@Timeout(120)
final class FlightEventsTest {
  @TempDir Path dir;

  private record Thing(TraceKind traceKind, long traceId) implements TraceSubject {}

  private List<RecordedEvent> record(Runnable body) throws IOException {
    Path file = dir.resolve("r.jfr");
    try (Recording r = new Recording()) {
      r.start();
      body.run();
      r.stop();
      r.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .filter(e -> e.getEventType().getName().startsWith("vm."))
        .toList();
  }

  private static void oneFault(Tracer t) {
    Strands strands = new ThreadStrands();
    strands.attach("pid 1");
    Thing page = new Thing(TraceKind.PAGE, 5);
    Thing lock = new Thing(TraceKind.LOCK_O, 3);
    t.event(TraceEvent.FAULT, 0x1000, 3, new Thing(TraceKind.MAP, 1));
    t.event(TraceEvent.LOCK_WAIT, lock);
    t.event(TraceEvent.LOCK, lock);
    t.word(TraceEvent.SLEEP, page, "vmpfw");
    t.event(TraceEvent.WOKEN, 1);
    t.event(TraceEvent.QUEUE, page, 5, 4);
    t.event(TraceEvent.FAULT_END, 2);
    strands.detach();
  }

  @Test
  void aFault_isReadBackFromARecording() throws IOException {
    List<RecordedEvent> events = record(() -> oneFault(new Tracer(new TraceOptions(0, true))));
    assertThat(events)
        .extracting(e -> e.getEventType().getName())
        .containsExactlyInAnyOrder("vm.PageFault", "vm.LockWait", "vm.Lock", "vm.Sleep", "vm.PageQueueMove");
    RecordedEvent fault = only(events, "vm.PageFault");
    assertThat(fault.getLong("address")).isEqualTo(0x1000);
    assertThat(fault.getString("access")).isEqualTo("rw-");
    assertThat(fault.getString("map")).isEqualTo("map 1");
    assertThat(fault.getString("result")).isEqualTo("PROTECTION_FAILURE");
    assertThat(fault.getDuration()).isPositive();
    assertThat(fault.getStackTrace()).isNull();
    RecordedEvent sleep = only(events, "vm.Sleep");
    assertThat(sleep.getString("channel")).isEqualTo("page 5");
    assertThat(sleep.getString("why")).isEqualTo("vmpfw");
    assertThat(sleep.getBoolean("timeout")).isTrue();
    assertThat(sleep.getStartTime()).isAfterOrEqualTo(fault.getStartTime());
    assertThat(only(events, "vm.PageQueueMove").getString("to")).isEqualTo("inactive");
    EventType type = fault.getEventType();
    assertThat(type.getCategoryNames()).containsExactly("Faultline", "VM");
    assertThat(type.getLabel()).isEqualTo("Page Fault");
    assertThat(type.getField("address").getContentType()).isEqualTo("jdk.jfr.MemoryAddress");
  }

  private static RecordedEvent only(List<RecordedEvent> events, String name) {
    return events.stream().filter(e -> e.getEventType().getName().equals(name)).findFirst().orElseThrow();
  }

  /** A type that a recording does not want is not filled in; neither is any of a kernel that booted without. */
  @Test
  void nothingIsCommitted_whereNobodyWantsIt() throws IOException {
    assertThat(record(() -> oneFault(new Tracer(TraceOptions.rings(4))))).isEmpty();
    Path file = dir.resolve("few.jfr");
    try (Recording r = new Recording()) {
      r.disable("vm.PageFault");
      r.disable("vm.Lock");
      r.start();
      oneFault(new Tracer(new TraceOptions(0, true)));
      r.stop();
      r.dump(file);
    }
    assertThat(RecordingFile.readAllEvents(file))
        .extracting(e -> e.getEventType().getName())
        .contains("vm.Sleep", "vm.LockWait")
        .doesNotContain("vm.PageFault", "vm.Lock");
  }
}
