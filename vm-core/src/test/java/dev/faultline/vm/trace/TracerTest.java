package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Recording: what is kept, in what order, at what price. */
@Timeout(60)
final class TracerTest {
  private final Strands strands = new ThreadStrands();

  private static EventRings rings(Tracer t) {
    EventRings r = t.rings();
    assertThat(r).isNotNull();
    return r;
  }

  private record Thing(TraceKind traceKind, long traceId) implements TraceSubject {}

  @Test
  void nothingIsRecorded_whenOff_orByAThreadThatIsNoStrand() {
    assertThat(Tracer.OFF.isOn()).isFalse();
    assertThat(Tracer.OFF.rings()).isNull();
    Tracer t = new Tracer(TraceOptions.rings(4));
    t.event(TraceEvent.FAULT_RETRY);
    assertThat(rings(t).trace().records()).isEmpty();
    strands.attach("test");
    try {
      Tracer.OFF.event(TraceEvent.FAULT_RETRY);
      assertThat(Strand.current().journal).isNull();
    } finally {
      strands.detach();
    }
  }

  @Test
  void lastEvents_areTheLastOfEachStrand_inWords() {
    Tracer t = new Tracer(TraceOptions.rings(4));
    Thing file = new Thing(TraceKind.FILE, 2);
    t.name(file, "file libc.so");
    strands.attach("one");
    for (int i = 0; i < 6; i++) {
      t.event(TraceEvent.CLAIM, new Thing(TraceKind.PAGE, i), new Thing(TraceKind.OBJECT, 3), 284);
    }
    t.word(TraceEvent.SLEEP, file, "vmpfw");
    strands.detach();
    strands.attach("two");
    t.event(TraceEvent.QUEUE, new Thing(TraceKind.PAGE, 1), 5, 4);
    strands.detach();
    assertThat(rings(t).lastEvents(3))
        .isEqualTo(Map.of(
            "one#0", List.of("5 :284 claims page 4 of object 3", "6 :284 claims page 5 of object 3",
                "7 sleeps on file libc.so: vmpfw"),
            "two#1", List.of("8 page 1: active to inactive")));
    assertThat(rings(t).trace().completeFrom()).as("three of strand one's are gone").isEqualTo(4);
  }

  /** What a lock orders, the trace has in that order: takes and gives alternate, whoever makes them. */
  @Test
  void places_followTheOrderThatALockGives() {
    Tracer t = new Tracer(TraceOptions.rings(1 << 15));
    StrandLock lock = new StrandLock();
    Thing o = new Thing(TraceKind.LOCK_O, 1);
    List<Strand> started = new ArrayList<>();
    int[] turns = new int[1]; // guarded by lock
    for (int n = 0; n < 3; n++) {
      started.add(strands.start("s" + n, () -> {
        Strand me = Strand.current();
        for (int i = 0; i < 5000; i++) {
          lock.acquire(me);
          t.event(TraceEvent.LOCK, o);
          t.event(TraceEvent.PIP_UP, o, turns[0]++);
          t.event(TraceEvent.UNLOCK, o);
          lock.release(me);
        }
      }));
    }
    started.forEach(strands::join);
    List<TraceRecord> all = rings(t).trace().records();
    assertThat(all).hasSize(3 * 3 * 5000);
    for (int i = 0; i < all.size(); i += 3) {
      assertThat(all.get(i).event()).isEqualTo(TraceEvent.LOCK);
      assertThat(all.get(i + 1).b()).isEqualTo(i / 3);
      assertThat(all.get(i + 2).event()).isEqualTo(TraceEvent.UNLOCK);
      assertThat(all.get(i + 2).strand()).isEqualTo(all.get(i).strand()).isEqualTo(all.get(i + 1).strand());
    }
  }

  /** After a strand's first event and a word's first use, recording allocates nothing. */
  @Test
  void recording_allocatesNothing() {
    Tracer t = new Tracer(TraceOptions.rings(64));
    Thing page = new Thing(TraceKind.PAGE, 1);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    strands.attach("test");
    try {
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 20; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 10_000; i++) {
          t.event(TraceEvent.CLAIM, page, page, 284);
          t.word(TraceEvent.SLEEP, page, "vmpfw");
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).as("bytes of 20,000 events").isLessThan(1000);
    } finally {
      strands.detach();
    }
  }

  @Test
  void silentStrands_leaveNoTrace() {
    Tracer t = new Tracer(TraceOptions.rings(4));
    strands.attach("checker");
    t.silence();
    t.event(TraceEvent.FAULT_RETRY);
    strands.detach();
    assertThat(rings(t).trace().lanes()).isEmpty();
  }

  /** A strand may go from one kernel to another: what it does there is that one's. */
  @Test
  void eachTracer_hasItsOwnRings() {
    Tracer one = new Tracer(TraceOptions.rings(4));
    Tracer two = new Tracer(TraceOptions.rings(4));
    strands.attach("test");
    one.event(TraceEvent.FAULT_RETRY);
    two.event(TraceEvent.FAULT_RETRY);
    strands.detach();
    assertThat(rings(one).trace().records()).hasSize(1);
    assertThat(rings(two).trace().records()).hasSize(1);
  }

  @Test
  void ringsOfEndedStrands_areGivenUp_whenThereAreTooMany() {
    Tracer t = new Tracer(TraceOptions.rings(1 << 15)); // 64 rings at the most
    Thing page = new Thing(TraceKind.PAGE, 1);
    for (int i = 0; i < 100; i++) {
      strands.attach("s" + i);
      t.event(TraceEvent.FREE, page);
      if (i != 1) { // it may have more to tell
        t.ended();
      }
      strands.detach();
    }
    assertThat(rings(t).trace().records()).extracting(TraceRecord::place).hasSize(64).contains(2L, 100L)
        .doesNotContain(1L, 3L);
  }

  @Test
  void lanes_areInTheOrderOfTheStrands_whoeverBeganToRecord() {
    Tracer t = new Tracer(TraceOptions.rings(4));
    Strand first = strands.start("first", () -> {
      Strand.current().park();
      t.event(TraceEvent.FAULT_RETRY);
    });
    strands.attach("second");
    t.event(TraceEvent.FAULT_RETRY);
    strands.detach();
    first.unpark();
    strands.join(first);
    assertThat(rings(t).trace().lanes()).extracting(Trace.Lane::name).containsExactly("first", "second");
  }

  @Test
  void sizes_areChecked() {
    assertThatThrownBy(() -> TraceOptions.rings(-1)).hasMessageContaining("must be 0 to");
    assertThatThrownBy(() -> TraceOptions.rings(TraceOptions.EVENTS_MAX + 1)).hasMessageContaining("must be 0 to");
  }

  /** Each name in an event's text is an argument, and what begins is followed by what ends it. */
  @ParameterizedTest
  @EnumSource(TraceEvent.class)
  void vocabulary_isWhole(TraceEvent e) {
    assertThat(e.args()).hasSizeLessThanOrEqualTo(3);
    Matcher m = Pattern.compile("\\{(\\w+)}").matcher(e.text());
    while (m.find()) {
      assertThat(e.args()).extracting(TraceEvent.Arg::name).contains(m.group(1));
    }
    if (e.role() == TraceEvent.Role.BEGIN) {
      assertThat(e.end().role()).isIn(TraceEvent.Role.END, TraceEvent.Role.END_AND_STEP);
    }
  }
}
