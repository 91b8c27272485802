package dev.faultline.vm.trace;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A trace as both pictures tell it: rows from top to bottom, each in one strand's column; what lasts from row to row;
 * and what points from one row to another.
 */
final class Story {
  /*
   * Implementation overview
   *
   * Rows      one an event, but for a run of one strand that nobody else comes in between of: what it took and gave
   *           back is one row, and so are decisions that turned out false. A lock given
   *           back at once is one mark, as in ±F.
   * Spans     opened and closed by events of one strand; what is open at the end lasts to the last row. The rows
   *           begin where no strand's events are missing any more; what is known from before them, a sleep or a lock
   *           that was held, lasts from the first row. A strand that neither makes a step in them nor sleeps is left
   *           out.
   * Arrows    from a wakeup to the next row in which its sleeper is awake, from a shootdown to the purges that its
   *           strand then makes or has made, from a disk request to its completion, from a fork to the child's first
   *           row.
   */
  /** What lasts. */
  enum SpanKind {
    CALL,
    FAULT,
    LOCK,
    LOCK_WAIT,
    SLEEP
  }

  /** What points. */
  enum ArrowKind {
    WAKE,
    PURGE,
    DISK,
    FORK
  }

  /**
   * One row.
   *
   * @param lane index of the strand's column
   * @param line the seed's line, or 0
   * @param held the locks that the strand holds once the row's steps are made
   */
  record Row(long place, int lane, TraceEvent event, long line, String text, String held) {}

  /** From row to row, both counted in. {@code code} is the lock's, else 0. */
  record Span(SpanKind kind, int lane, int from, int to, long code, String label) {}

  /** Lanes from {@code lanes.size()} on are TLBs, by processor. */
  record Arrow(ArrowKind kind, int fromRow, int fromLane, int toRow, int toLane) {}

  private static final int RUN_MAX = 6; // steps in one row

  private final Trace trace;
  private final Map<Integer, Integer> laneOf = new HashMap<>(); // by strand
  private final List<Row> rows = new ArrayList<>();
  private final List<Span> spans = new ArrayList<>();
  private final List<Arrow> arrows = new ArrayList<>();
  private final List<Hand> hands = new ArrayList<>(); // by lane
  private final Map<Integer, Integer> wakeRows = new HashMap<>(); // by sleeper's lane: the row of its wakeup
  private final Map<Long, Deque<int[]>> submitted = new HashMap<>(); // by block: row, lane
  private final Map<Integer, int[]> forks = new HashMap<>(); // by the child's lane: row, lane of the parent
  private int tlbs; // processors whose TLBs are seen

  /** What is open in one lane. */
  private static final class Hand {
    final Map<Long, Integer> locks = new LinkedHashMap<>(); // code to depth
    final Map<Long, Long> modes = new HashMap<>();
    final Map<Long, Integer> since = new TreeMap<>(); // code to row
    @Nullable Integer asleepSince;
    @Nullable Integer waitingSince;
    @Nullable Integer faultSince;
    @Nullable Integer callSince;
    @Nullable Integer shootRow;
    boolean seen;
    boolean early; // was there before the first row
    int run; // steps in the row that may still be added to
  }

  private Story(Trace trace) {
    this.trace = trace;
  }

  static Story of(Trace trace) {
    Story s = new Story(trace);
    for (int i = 0; i < trace.lanes().size(); i++) {
      s.laneOf.put(trace.lanes().get(i).strand(), i);
      s.hands.add(new Hand());
    }
    for (TraceRecord r : trace.records()) {
      if (r.place() < trace.completeFrom()) {
        s.before(r);
      } else if (isShown(r)) {
        s.add(r);
      }
    }
    s.closeAll();
    return s;
  }

  Trace trace() {
    return trace;
  }

  List<Row> rows() {
    return rows;
  }

  List<Span> spans() {
    return spans;
  }

  List<Arrow> arrows() {
    return arrows;
  }

  /** Returns, by lane, whether it is shown. */
  boolean[] shown() {
    boolean[] shown = new boolean[hands.size()];
    rows.forEach(r -> shown[r.lane()] = true);
    spans.forEach(s -> shown[s.lane()] |= s.kind() == SpanKind.SLEEP || s.kind() == SpanKind.LOCK_WAIT);
    return shown;
  }

  /** Returns the first row and the last in which a lane's strand is there; the first is behind the last if none. */
  int[][] lives() {
    int[][] lives = new int[hands.size()][2];
    for (int i = 0; i < lives.length; i++) {
      lives[i] = new int[] {hands.get(i).early ? 0 : Integer.MAX_VALUE, -1};
    }
    for (int i = 0; i < rows.size(); i++) {
      int lane = rows.get(i).lane();
      lives[lane][0] = Math.min(lives[lane][0], i);
      lives[lane][1] = i;
    }
    for (Span s : spans) {
      lives[s.lane()][1] = Math.max(lives[s.lane()][1], s.to());
    }
    return lives;
  }

  int tlbs() {
    return tlbs;
  }

  /** Takes in what happened before the first row: what it left open begins there. */
  private void before(TraceRecord r) {
    int lane = laneOf.getOrDefault(r.strand(), 0);
    Hand h = hands.get(lane);
    h.early = r.event() != TraceEvent.EXIT;
    track(r, lane, h, 0);
    spans.clear();
    arrows.clear();
    wakeRows.clear();
    submitted.clear();
    forks.clear();
    tlbs = 0;
    h.shootRow = null;
  }

  private void add(TraceRecord r) {
    int lane = laneOf.getOrDefault(r.strand(), 0);
    Hand h = hands.get(lane);
    Row last = rows.isEmpty() ? null : rows.get(rows.size() - 1);
    if (last != null && last.lane() == lane && h.run < RUN_MAX && joins(last, r)) {
      int row = rows.size() - 1;
      track(r, lane, h, row);
      h.run++;
      rows.set(row, new Row(last.place(), lane, last.event(), last.line(), joined(last.text(), r), held(h)));
      return;
    }
    track(r, lane, h, rows.size());
    h.run = 1;
    rows.add(new Row(r.place(), lane, r.event(), Trace.line(r), text(r), held(h)));
  }

  /** A lock under which nothing else is ever taken, held for a few lines, is told of where somebody had to wait. */
  private static boolean isShown(TraceRecord r) {
    if (!isLocking(r.event())) {
      return true;
    }
    return switch (TraceKind.kindOf(r.a())) {
      case LOCK_H, LOCK_OL, LOCK_LEAF, LOCK_SWAP, LOCK_DISK -> false;
      default -> true;
    };
  }

  private static boolean isLocking(TraceEvent e) {
    return e == TraceEvent.LOCK || e == TraceEvent.UNLOCK;
  }

  private boolean joins(Row last, TraceRecord r) {
    if (isLocking(r.event())) {
      return isLocking(last.event());
    }
    return r.event() == TraceEvent.DECISION
        && r.c() == 0
        && last.event() == TraceEvent.DECISION
        && last.text().startsWith("not ");
  }

  private String addition(TraceRecord r) {
    return r.event() == TraceEvent.DECISION ? ", " + decision(r) : "  " + trace.words(r);
  }

  /** Returns a row's text with what a record adds: a lock that was taken last and is given back becomes one mark. */
  private String joined(String text, TraceRecord r) {
    if (r.event() == TraceEvent.UNLOCK) {
      String taken = "+" + trace.name(r.a()) + (r.b() == 0 ? "" : " " + LockMode.word(r.b()));
      if (text.equals(taken) || text.endsWith(" " + taken)) {
        return text.substring(0, text.length() - taken.length()) + "±" + taken.substring(1);
      }
    }
    return text + addition(r);
  }

  private String text(TraceRecord r) {
    if (r.event() == TraceEvent.DECISION) {
      String name = trace.name(r.a());
      return r.c() == 0 ? "not " + decision(r) : name;
    }
    String words = trace.words(r);
    return Trace.line(r) == 0 ? words : words.substring(words.indexOf(' ') + 1);
  }

  /** The number of a decision alone, such as D12A. */
  private String decision(TraceRecord r) {
    String name = trace.name(r.a());
    int space = name.indexOf(' ');
    return space < 0 || name.startsWith("D ") ? name : name.substring(0, space);
  }

  private String held(Hand h) {
    StringBuilder s = new StringBuilder();
    for (long code : h.locks.keySet()) {
      String mode = LockMode.word(h.modes.getOrDefault(code, 0L));
      s.append(s.length() == 0 ? "" : " ").append(trace.name(code)).append(mode.isEmpty() ? "" : mode.substring(0, 1));
    }
    return s.toString();
  }

  // ------------------------------------------------------------------------------------------------ what lasts

  private void track(TraceRecord r, int lane, Hand h, int row) {
    if (!h.seen) {
      h.seen = true;
      int[] parent = forks.get(lane);
      if (parent != null) {
        arrows.add(new Arrow(ArrowKind.FORK, parent[0], parent[1], row, lane));
      }
    }
    switch (r.event()) {
      case LOCK -> {
        close(SpanKind.LOCK_WAIT, lane, h.waitingSince, row, r.a());
        h.waitingSince = null;
        h.locks.merge(r.a(), 1, Integer::sum);
        h.modes.put(r.a(), r.b());
        h.since.putIfAbsent(r.a(), row);
      }
      case UNLOCK -> unlock(lane, h, row, r.a());
      case LOCK_WAIT -> h.waitingSince = row;
      case SLEEP -> h.asleepSince = row;
      case WOKEN -> {
        close(SpanKind.SLEEP, lane, h.asleepSince, row, 0);
        h.asleepSince = null;
        Integer wake = wakeRows.remove(lane);
        if (wake != null) {
          arrows.add(new Arrow(ArrowKind.WAKE, wake, rows.get(wake).lane(), row, lane));
        }
      }
      case WAKES -> {
        Integer sleeper = laneOf.get((int) r.a());
        if (sleeper != null) {
          wakeRows.put(sleeper, row);
        }
      }
      case FAULT -> h.faultSince = row;
      case FAULT_END -> {
        close(SpanKind.FAULT, lane, h.faultSince, row, 0);
        h.faultSince = null;
      }
      case CALL -> h.callSince = row;
      case CALL_END, EXIT -> {
        close(SpanKind.CALL, lane, h.callSince, row, 0);
        h.callSince = null;
      }
      case SHOOTDOWN -> h.shootRow = row;
      case PURGE -> purge(lane, h, row, (int) r.a());
      case DISK_SUBMIT -> submitted.computeIfAbsent(r.a(), b -> new ArrayDeque<>()).add(new int[] {row, lane});
      case DISK_DONE -> {
        Deque<int[]> waiting = submitted.get(r.a());
        int[] from = waiting == null ? null : waiting.poll();
        if (from != null) {
          arrows.add(new Arrow(ArrowKind.DISK, from[0], from[1], row, lane));
        }
      }
      case FORK -> {
        String child = trace.name(r.a());
        for (int i = 0; i < trace.lanes().size(); i++) {
          if (trace.lanes().get(i).name().equals(child) && !hands.get(i).seen) {
            forks.put(i, new int[] {row, lane});
          }
        }
      }
      default -> {}
    }
  }

  private void unlock(int lane, Hand h, int row, long code) {
    Integer depth = h.locks.get(code);
    if (depth == null) {
      return; // taken before the first event that is left
    }
    if (depth > 1) {
      h.locks.put(code, depth - 1);
      return;
    }
    h.locks.remove(code);
    Integer since = h.since.remove(code);
    close(SpanKind.LOCK, lane, since, row, code);
  }

  private void purge(int lane, Hand h, int row, int cpu) {
    tlbs = Math.max(tlbs, cpu + 1);
    Integer from = h.shootRow;
    int fromLane = lane;
    if (from == null) { // an agent's: the youngest shootdown is the likely one; which it was is not known
      for (int i = 0; i < hands.size(); i++) {
        Integer other = hands.get(i).shootRow;
        if (other != null && (from == null || other > from)) {
          from = other;
          fromLane = i;
        }
      }
    }
    if (from != null) {
      arrows.add(new Arrow(ArrowKind.PURGE, from, fromLane, row, trace.lanes().size() + cpu));
    }
  }

  private void close(SpanKind kind, int lane, @Nullable Integer from, int to, long code) {
    if (from != null) {
      spans.add(new Span(kind, lane, from, to, code, code == 0 ? "" : trace.name(code)));
    }
  }

  private void closeAll() {
    int end = rows.size() - 1;
    for (int lane = 0; lane < hands.size(); lane++) {
      Hand h = hands.get(lane);
      close(SpanKind.SLEEP, lane, h.asleepSince, end, 0);
      close(SpanKind.LOCK_WAIT, lane, h.waitingSince, end, 0);
      close(SpanKind.FAULT, lane, h.faultSince, end, 0);
      close(SpanKind.CALL, lane, h.callSince, end, 0);
      for (Map.Entry<Long, Integer> e : h.since.entrySet()) {
        close(SpanKind.LOCK, lane, e.getValue(), end, e.getKey());
      }
    }
  }
}
