package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a story makes of single events: what lasts, what leads to what, and each value in words. */
final class StoryTest {
  private static final long O3 = TraceKind.LOCK_O.code(3);
  private static final long Q = TraceKind.LOCK_Q.code(0);
  private static final List<Trace.Lane> LANES = List.of(
      new Trace.Lane(0, "pid 1"), new Trace.Lane(1, "pid 2"), new Trace.Lane(2, "disk"), new Trace.Lane(5, "agent"));

  private final List<TraceRecord> records = new ArrayList<>();

  private void add(int strand, TraceEvent e, long... args) {
    long[] a = Arrays.copyOf(args, 3);
    records.add(new TraceRecord(records.size() + 1, strand, e, a[0], a[1], a[2]));
  }

  private Trace trace(long completeFrom) {
    return new Trace(LANES, records, completeFrom, Map.of(TraceKind.WORD.code(1), "mmap"));
  }

  private static List<String> lines(Trace t) {
    return TextRenderer.render(t, "t").lines().map(String::stripTrailing).toList();
  }

  /** A call that forks, the child's fault that reads from the disk and shoots down, locks in between. */
  private void play() {
    add(0, TraceEvent.CALL, TraceKind.WORD.code(1));
    add(0, TraceEvent.FORK, TraceKind.PROCESS.code(2));
    add(1, TraceEvent.FAULT, 0x1000, 1, TraceKind.MAP.code(1));
    add(1, TraceEvent.DISK_SUBMIT, 8, 1, 0);
    add(2, TraceEvent.DISK_DONE, 8, 1, 1);
    add(2, TraceEvent.DISK_DONE, 99, 1, 0);
    add(1, TraceEvent.SHOOTDOWN, TraceKind.PMAP.code(1), 0x1000, 0x40);
    add(5, TraceEvent.PURGE, 1, TraceKind.PMAP.code(1));
    add(1, TraceEvent.LOCK, O3, 0);
    add(0, TraceEvent.LOCK_WAIT, O3);
    add(1, TraceEvent.LOCK, O3, 0);
    add(1, TraceEvent.UNLOCK, O3, 0);
    add(1, TraceEvent.UNLOCK, O3, 0);
    add(0, TraceEvent.LOCK, O3, 0);
    add(1, TraceEvent.WAKES, 77);
    add(0, TraceEvent.UNLOCK, Q, 0);
    add(0, TraceEvent.CALL_END, TraceKind.WORD.code(1), 0);
    add(1, TraceEvent.LOCK, Q, 0);
    add(1, TraceEvent.WOKEN, 1);
  }

  @Test
  void whatLeadsToWhat_isAnArrow() {
    play();
    Story s = Story.of(trace(1));
    assertThat(s.arrows()).extracting(a -> a.kind() + " " + a.fromLane() + ">" + a.toLane())
        .containsExactly("FORK 0>1", "DISK 1>2", "PURGE 1>5");
    assertThat(s.tlbs()).isEqualTo(2);
    assertThat(s.shown()).containsExactly(true, true, true, true);
  }

  @Test
  void whatLasts_isASpan_alsoWhereItsEndIsMissing() {
    play();
    assertThat(Story.of(trace(1)).spans()).extracting(x -> x.kind() + " of " + x.lane() + " " + x.label())
        .containsExactlyInAnyOrder("LOCK_WAIT of 0 O(3)", "LOCK of 1 O(3)", "CALL of 0 ", "FAULT of 1 ",
            "LOCK of 0 O(3)", "LOCK of 1 Q");
  }

  @Test
  void theRows_sayIt() {
    play();
    assertThat(lines(trace(1))).anySatisfy(l -> assertThat(l).endsWith("disk done: 1 blocks from 8 error"))
        .anySatisfy(l -> assertThat(l).contains("wakes strand 77"))
        .anySatisfy(l -> assertThat(l).contains("awake timeout"))
        .anySatisfy(l -> assertThat(l).contains("±O(3)  -O(3)  []"));
    String svg = SvgRenderer.render(trace(1), "t");
    assertThat(svg).contains("class=\"a fork\"", "class=\"a disk\"", "class=\"a purge\"", "waits for O(3)", ">TLB 0<");
  }

  /** What is from before the first row leaves its marks, but no row and no arrow. */
  @Test
  void whatCameBefore_isOpenAtTheFirstRow() {
    play();
    Story s = Story.of(trace(11));
    assertThat(s.arrows()).isEmpty();
    assertThat(s.rows()).hasSize(7);
    assertThat(s.spans()).extracting(x -> x.kind() + " of " + x.lane() + " from " + x.from())
        .contains("LOCK_WAIT of 0 from 0", "FAULT of 1 from 0", "CALL of 0 from 0");
    Trace later = trace(1).after(16);
    assertThat(later.lanes()).extracting(Trace.Lane::name).containsExactly("pid 1", "pid 2");
    assertThat(later.records()).hasSize(3);
    assertThat(later.completeFrom()).isEqualTo(1);
    assertThat(trace(30).after(16).completeFrom()).as("some are missing still").isEqualTo(30);
  }

  @Test
  void everyKindOfValue_hasWords() {
    assertThat(Trace.plainValue(ArgType.ADDRESS, 255)).isEqualTo("0xff");
    assertThat(Trace.plainValue(ArgType.COUNT, -1)).isEqualTo("-1");
    assertThat(Trace.plainValue(ArgType.PROTECTION, 1)).isEqualTo("r--");
    assertThat(Trace.plainValue(ArgType.QUEUE, 5)).isEqualTo("active");
    assertThat(Trace.plainValue(ArgType.QUEUE, 6)).isEqualTo("?6");
    assertThat(Trace.plainValue(ArgType.RESULT, 0)).isEqualTo("SUCCESS");
    assertThat(Trace.plainValue(ArgType.RESULT, -1)).isEqualTo("?-1");
    assertThat(Trace.plainValue(ArgType.PAGER_RESULT, 0)).isEqualTo("OK");
    assertThat(Trace.plainValue(ArgType.MODE, 99)).isEqualTo("?");
    assertThat(Trace.plainValue(ArgType.MODE, -1)).isEqualTo("?");
    assertThat(Trace.plainValue(ArgType.FLAG, 0)).isEqualTo("no");
    assertThat(Trace.plainValue(ArgType.FLAG, 1)).isEqualTo("yes");
    assertThat(Trace.plainValue(ArgType.STRAND, 3)).isEqualTo("3");
    assertThat(TraceKind.plainName(-1L)).as("a code of no kind").isEqualTo(TraceKind.plainName(0));
  }

  @Test
  void aDecision_isToldWithItsLineAndItsOutcome() {
    long d7 = TraceKind.DECISION.code(7);
    Trace t = new Trace(LANES, List.of(), 1, Map.of(d7, "D7 the lookup failed"));
    assertThat(t.words(new TraceRecord(1, 0, TraceEvent.DECISION, d7, 187, 0)))
        .isEqualTo(":187 D7 the lookup failed: no");
    assertThat(t.words(new TraceRecord(1, 0, TraceEvent.DECISION, d7, 187, 1)))
        .isEqualTo(":187 D7 the lookup failed: yes");
    add(0, TraceEvent.DECISION, TraceKind.DECISION.code(9), 1, 0);
    assertThat(lines(trace(1))).anySatisfy(l -> assertThat(l).endsWith(":1 not D 9"));
  }
}
