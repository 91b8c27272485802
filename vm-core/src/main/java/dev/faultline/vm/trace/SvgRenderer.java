package dev.faultline.vm.trace;

import dev.faultline.vm.trace.Story.Arrow;
import dev.faultline.vm.trace.Story.ArrowKind;
import dev.faultline.vm.trace.Story.Row;
import dev.faultline.vm.trace.Story.Span;
import dev.faultline.vm.trace.Story.SpanKind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Draws a trace as an SVG picture: a lane a strand, time downward, one for each TLB on the right. It needs nothing but
 * itself, and follows the reader's light or dark scheme. The same events give the same bytes.
 */
public final class SvgRenderer {
  /*
   * Implementation overview
   *
   * A lane    from left to right: a bar for each lock held, in the lock's colour; the life line, wide where the strand
   *           sleeps, dashed where it waits for a lock; the words. A fault is a tinted box from its first row to its
   *           last, a system call a line on the box's left.
   * Order     boxes, arrows, bars, life lines, dots, words: words are never covered, and have an outline of the
   *           background's colour, so that an arrow that crosses them does not strike them out.
   */
  private static final int ROW = 18;
  private static final int TOP = 78;
  private static final int BAR = 7;
  private static final int GAP = 26;
  private static final double CHAR = 6.65;
  private static final int TEXT_MIN = 120;
  private static final int TEXT_MAX = 490;
  private static final int TLB_WIDTH = 64;

  private static final String STYLE =
      """
      svg { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: 11px }
      .bg { fill: #ffffff } .t { fill: #1d2430; stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
      .n { fill: #6a7280 } .l { fill: #9a5b00; font-weight: bold } .h { font-size: 13px; font-weight: bold }
      .ti { font-size: 14px; font-weight: bold; fill: #1d2430 } .life { stroke: #8a93a0; stroke-width: 1.5px }
      .dot { fill: #1d2430 } .off { opacity: 0.55 } .rule { stroke: #d5dae1; stroke-width: 1px }
      .fault { fill: #eef3fb } .call { stroke: #8a93a0; stroke-width: 1.5px; fill: none }
      .sleep { fill: #c9b6ea } .wait { stroke: #d43d3d; stroke-width: 4px; stroke-dasharray: 3 3 }
      .M { fill: #2f7dd1 } .V { fill: #0f8a8a } .O { fill: #d98200 } .Q { fill: #7a5cc7 } .P { fill: #3a9d45 }
      .PV { fill: #8bb52d } .F { fill: #c2477f } .X { fill: #8b8f96 }
      .a { fill: none; stroke-width: 1.6px } .wake { stroke: #6d3fc4 } .purge { stroke: #d43d3d }
      .disk { stroke: #0f8a8a } .fork { stroke: #2f7dd1 }
      @media (prefers-color-scheme: dark) {
        .bg { fill: #14181f } .t { fill: #e4e8ee; stroke: #14181f } .n { fill: #8f98a6 } .l { fill: #f0b04a }
        .ti { fill: #e4e8ee } .life { stroke: #6d7684 } .dot { fill: #e4e8ee } .rule { stroke: #2a313c }
        .fault { fill: #1d2735 } .call { stroke: #6d7684 } .sleep { fill: #5b4691 }
        .wake { stroke: #b596f5 } .purge { stroke: #ff7a7a } .disk { stroke: #43c2c2 } .fork { stroke: #6fb1f5 }
      }
      """;

  private final Story story;
  private final Trace trace;
  private final int[] tracks; // locks drawn side by side, by lane
  private final Map<Span, Integer> track = new HashMap<>(); // of a lock's bar
  private final int[] x; // life lines, lanes and then TLBs
  private final int[] end; // right edge of a lane's words
  private final boolean[] shown; // by lane
  private final int margin; // of the first lane; the places stand there
  private final int width;
  private final int height;
  private final StringBuilder out = new StringBuilder();

  private SvgRenderer(Story story) {
    this.story = story;
    this.trace = story.trace();
    int lanes = trace.lanes().size();
    this.tracks = new int[lanes];
    assignTracks();
    this.x = new int[lanes + story.tlbs()];
    this.end = new int[lanes];
    this.margin = 30 + (int) (CHAR * String.valueOf(lastPlace()).length());
    int at = margin;
    this.shown = story.shown();
    for (int i = 0; i < lanes; i++) {
      if (!shown[i]) {
        continue;
      }
      x[i] = at + 8 + BAR * tracks[i] + 6;
      end[i] = x[i] + 12 + textWidth(i);
      at = end[i] + GAP;
    }
    for (int i = lanes; i < x.length; i++) {
      x[i] = at + TLB_WIDTH / 2;
      at += TLB_WIDTH;
    }
    this.width = Math.max(at, 900);
    this.height = TOP + ROW * (story.rows().size() + 3) + 30;
  }

  /**
   * Returns the picture.
   *
   * @param title its first line
   */
  public static String render(Trace trace, String title) {
    return new SvgRenderer(Story.of(trace)).draw(title);
  }

  private long lastPlace() {
    List<Row> rows = story.rows();
    return rows.isEmpty() ? 0 : rows.get(rows.size() - 1).place();
  }

  private List<Span> lockSpans() {
    List<Span> locks = new ArrayList<>();
    for (Span s : story.spans()) {
      if (s.kind() == SpanKind.LOCK && s.to() > s.from()) {
        locks.add(s);
      }
    }
    return locks;
  }

  /** Each bar gets the first track from the left that is free, in the order of their beginnings. */
  private void assignTracks() {
    List<Span> locks = lockSpans();
    locks.sort(Comparator.comparingInt(Span::from).thenComparing(Span::to, Comparator.reverseOrder()));
    Map<Integer, List<Integer>> busyUntil = new HashMap<>(); // by lane
    for (Span s : locks) {
      List<Integer> until = busyUntil.computeIfAbsent(s.lane(), lane -> new ArrayList<>());
      int i = 0;
      while (i < until.size() && until.get(i) > s.from()) {
        i++;
      }
      if (i == until.size()) {
        until.add(s.to());
      } else {
        until.set(i, s.to());
      }
      track.put(s, i);
      tracks[s.lane()] = Math.max(tracks[s.lane()], i + 1);
    }
  }

  private static String colour(Span s) {
    return switch (TraceKind.kindOf(s.code())) {
      case LOCK_M, TOKEN -> "M";
      case LOCK_V, LOCK_VI -> "V";
      case LOCK_O -> "O";
      case LOCK_Q -> "Q";
      case LOCK_P -> "P";
      case LOCK_PV -> "PV";
      case LOCK_F -> "F";
      default -> "X";
    };
  }

  private static String words(Row r) {
    return r.line() == 0 ? r.text() : ":" + r.line() + " " + r.text();
  }

  private int textWidth(int lane) {
    int w = TEXT_MIN;
    for (Row r : story.rows()) {
      if (r.lane() == lane) {
        w = Math.max(w, (int) (CHAR * words(r).length()) + 4);
      }
    }
    return Math.min(w, TEXT_MAX);
  }

  private static int y(int row) {
    return TOP + ROW * row + ROW / 2;
  }

  private String draw(String title) {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">",
        width, height, width, height);
    put("<title>%s</title>", escaped(title));
    put("<style>%s</style>", STYLE);
    put("<defs>");
    for (ArrowKind k : ArrowKind.values()) {
      String c = k.name().toLowerCase(Locale.ROOT);
      put("<marker id=\"m-%s\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\""
          + " orient=\"auto\"><path class=\"a %s\" d=\"M1 1 L7 4 L1 7\"/></marker>", c, c);
    }
    put("</defs>");
    put("<rect class=\"bg\" width=\"%d\" height=\"%d\"/>", width, height);
    put("<text class=\"ti\" x=\"14\" y=\"24\">%s</text>", escaped(title));
    if (trace.completeFrom() > 1) {
      put("<text class=\"n\" x=\"14\" y=\"39\">From place %d on: of what came before, some strands' rings have not kept"
          + " everything.</text>", trace.completeFrom());
    }
    boxes();
    headers();
    lifelines();
    story.arrows().forEach(this::arrow);
    bars();
    for (int i = 0; i < story.rows().size(); i++) {
      row(i, story.rows().get(i));
    }
    legend();
    put("</svg>");
    return out.toString();
  }

  private void put(String format, Object... args) {
    out.append(args.length == 0 ? format : String.format(Locale.ROOT, format, args)).append('\n');
  }

  private void boxes() {
    for (Span s : story.spans()) {
      if (s.kind() == SpanKind.FAULT) {
        int left = x[s.lane()] - 10 - BAR * tracks[s.lane()];
        put("<rect class=\"fault\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>", left, y(s.from()) - 9,
            end[s.lane()] - left + 8, y(s.to()) - y(s.from()) + 18);
      }
    }
    for (Span s : story.spans()) {
      if (s.kind() == SpanKind.CALL) {
        int left = x[s.lane()] - 13 - BAR * tracks[s.lane()];
        put("<path class=\"call\" d=\"M%d %d h-4 V%d h4\"/>", left + 4, y(s.from()), y(s.to()));
      }
    }
  }

  private void headers() {
    for (int i = 0; i < trace.lanes().size(); i++) {
      if (!shown[i]) {
        continue;
      }
      put("<text class=\"t h\" x=\"%d\" y=\"56\">%s</text>", x[i] - 4, escaped(trace.lanes().get(i).name()));
    }
    for (int i = trace.lanes().size(); i < x.length; i++) {
      put("<text class=\"t h\" x=\"%d\" y=\"56\" text-anchor=\"middle\">TLB %d</text>", x[i],
          i - trace.lanes().size());
    }
    put("<path class=\"rule\" d=\"M10 66 H%d\"/>", width - 10);
  }

  private void lifelines() {
    int[][] lives = story.lives();
    int end = story.rows().size() - 1;
    for (int i = 0; i < x.length; i++) {
      boolean strand = i < trace.lanes().size();
      int from = strand ? lives[i][0] : 0;
      int to = strand ? lives[i][1] : end;
      if (from <= to && (!strand || shown[i])) {
        put("<path class=\"life%s\" d=\"M%d %d V%d\"/>", strand ? "" : " off", x[i], y(from), y(to));
      }
    }
  }

  private void bars() {
    for (Span s : story.spans()) {
      int from = y(s.from());
      int to = y(s.to());
      if (s.kind() == SpanKind.SLEEP) {
        put("<rect class=\"sleep\" x=\"%d\" y=\"%d\" width=\"8\" height=\"%d\" rx=\"4\"/>", x[s.lane()] - 4, from,
            Math.max(4, to - from));
      } else if (s.kind() == SpanKind.LOCK_WAIT) {
        put("<path class=\"wait\" d=\"M%d %d V%d\"/>", x[s.lane()], from, Math.max(from + 6, to));
      }
    }
    for (Span s : lockSpans()) {
      int left = x[s.lane()] - 6 - BAR * (tracks[s.lane()] - track.getOrDefault(s, 0));
      put("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"5\" height=\"%d\" rx=\"2\"><title>%s</title></rect>",
          colour(s), left, y(s.from()) - 3, y(s.to()) - y(s.from()) + 6, escaped(s.label()));
    }
  }

  private void arrow(Arrow a) {
    int x1 = x[a.fromLane()];
    int x2 = x[a.toLane()];
    int y1 = y(a.fromRow());
    int y2 = y(a.toRow());
    String c = a.kind().name().toLowerCase(Locale.ROOT);
    int away = x2 >= x1 ? 1 : -1;
    int bend = a.fromLane() == a.toLane() ? -30 : Math.min(60, Math.abs(x2 - x1) / 3);
    int x3 = a.kind() == ArrowKind.PURGE ? x2 - 4 : x2 - away * 6;
    put("<path class=\"a %s\" marker-end=\"url(#m-%s)\" d=\"M%d %d C%d %d %d %d %d %d\"/>", c, c, x1 + away * 4, y1,
        x1 + away * bend, y1 + ROW / 2, x2 - away * bend, y2 - ROW / 2, x3, y2);
    if (a.kind() == ArrowKind.PURGE) {
      put("<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"3\"/>", x2, y2);
    }
  }

  private void row(int i, Row r) {
    put("<text class=\"n\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>", margin - 14, y(i) + 4, r.place());
    put("<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"2.6\"/>", x[r.lane()], y(i));
    int room = (int) ((end[r.lane()] - x[r.lane()] - 12) / CHAR);
    String all = words(r);
    String shown = all.length() > room ? all.substring(0, room - 1) + "…" : all;
    String line = r.line() == 0 ? "" : ":" + r.line() + " ";
    String rest = shown.substring(line.length());
    String off = isAside(r) ? " off" : "";
    put("<text class=\"t%s\" x=\"%d\" y=\"%d\">%s%s%s</text>", off, x[r.lane()] + 12, y(i) + 4,
        line.isEmpty() ? "" : "<tspan class=\"l\">" + line + "</tspan>", escaped(rest),
        shown.equals(all) ? "" : "<title>" + escaped(all) + "</title>");
  }

  /** What a reader who follows the story passes over: locks, which have bars, and decisions that were not taken. */
  private static boolean isAside(Row r) {
    return r.event() == TraceEvent.LOCK
        || r.event() == TraceEvent.UNLOCK
        || (r.event() == TraceEvent.DECISION && r.text().startsWith("not "));
  }

  private void legend() {
    int at = TOP + ROW * (story.rows().size() + 2);
    String[][] entries = {
      {"M", "map lock or token"}, {"V", "file lock"}, {"O", "object lock"}, {"Q", "page queues"}, {"P", "pmap"},
      {"PV", "pv list"}, {"F", "free list"}, {"X", "other lock"}, {"sleep", "asleep"}
    };
    int left = 14;
    for (String[] e : entries) {
      put("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"9\" height=\"9\" rx=\"2\"/>", e[0], left, at - 8);
      put("<text class=\"t\" x=\"%d\" y=\"%d\">%s</text>", left + 13, at, e[1]);
      left += 26 + (int) (CHAR * e[1].length());
    }
    String[][] lines = {
      {"wake", "wakeup"}, {"purge", "shootdown"}, {"disk", "disk"}, {"fork", "fork"}, {"wait", "waits for a lock"}
    };
    left = 14;
    for (String[] e : lines) {
      put("<path class=\"a %s\" d=\"M%d %d h16\"/>", e[0], left, at + 14);
      put("<text class=\"t\" x=\"%d\" y=\"%d\">%s</text>", left + 20, at + 18, e[1]);
      left += 34 + (int) (CHAR * e[1].length());
    }
    put("<text class=\"n\" x=\"%d\" y=\"%d\">:258 is a line of vm_fault.c, D12A a row of its decision table</text>",
        left, at + 18);
  }

  private static String escaped(String s) {
    return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }
}
