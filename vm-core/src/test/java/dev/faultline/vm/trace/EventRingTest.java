package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One strand's ring. */
@Timeout(60)
final class EventRingTest {
  private static List<TraceRecord> read(EventRing ring) {
    List<TraceRecord> all = new ArrayList<>();
    ring.addTo(all);
    return all;
  }

  @Test
  void ring_holdsWhatWasRecorded_upToItsSize() {
    EventRing ring = new EventRing(7, "p", 3); // rounded up to 4
    assertThat(read(ring)).isEmpty();
    assertThat(ring.youngest()).isZero();
    for (long i = 1; i <= 4; i++) {
      ring.record(i, TraceEvent.FREE.ordinal(), 10 * i, 20 * i, 30 * i);
    }
    assertThat(read(ring)).extracting(TraceRecord::place).containsExactlyInAnyOrder(1L, 2L, 3L, 4L);
    assertThat(ring.overwritten()).isZero();
    ring.record(9, TraceEvent.QUEUE.ordinal(), -1, Long.MIN_VALUE, Long.MAX_VALUE);
    assertThat(read(ring)).extracting(TraceRecord::place).containsExactlyInAnyOrder(2L, 3L, 4L, 9L);
    assertThat(read(ring)).contains(new TraceRecord(9, 7, TraceEvent.QUEUE, -1, Long.MIN_VALUE, Long.MAX_VALUE));
    assertThat(ring.overwritten()).isEqualTo(1);
    assertThat(ring.youngest()).isEqualTo(9);
  }

  /** Whoever reads beside the writer sees whole records only: all words of a record are one number here. */
  @Test
  void reader_seesNoTornRecord_whileTheStrandWrites() throws InterruptedException {
    EventRing ring = new EventRing(0, "p", 4);
    AtomicBoolean done = new AtomicBoolean();
    Thread writer =
        new Thread(
            () -> {
              for (long i = 1; !done.get(); i++) {
                ring.record(i, (int) (i % TraceEvent.values().length), i, i, i);
              }
            });
    writer.start();
    try {
      long seen = 0;
      for (long i = 0; i < 2_000_000 || seen < 1000; i++) {
        for (TraceRecord r : read(ring)) {
          seen++;
          assertThat(r).isEqualTo(new TraceRecord(r.place(), 0,
              TraceEvent.of((int) (r.place() % TraceEvent.values().length)), r.place(), r.place(), r.place()));
        }
        if (i > 200_000 && seen > 100_000) {
          break;
        }
      }
      assertThat(seen).isPositive();
    } finally {
      done.set(true);
      writer.join();
    }
  }
}
