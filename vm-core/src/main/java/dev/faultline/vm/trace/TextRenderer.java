package dev.faultline.vm.trace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Draws a trace as text: a column a strand, time downward. The same events give the same bytes. */
public final class TextRenderer {
  private static final int WIDTH_MIN = 14;
  private static final int WIDTH_MAX = 80;
  private static final String RUNS = "│";
  private static final String SLEEPS = "z";
  private static final String WAITS = "×";

  private TextRenderer() {}

  /**
   * Returns the picture.
   *
   * @param title its first line
   */
  public static String render(Trace trace, String title) {
    Story story = Story.of(trace);
    int lanes = trace.lanes().size();
    boolean[] shown = story.shown();
    int[] width = widths(story, lanes);
    int[][] lives = story.lives();
    String[][] marks = marks(story, lanes);
    StringBuilder b = new StringBuilder(title).append("\n\n");
    if (trace.completeFrom() > 1) {
      b.append("From place ").append(trace.completeFrom())
          .append(" on: of what came before, some strands' rings have not kept everything.\n\n");
    }
    header(b, trace, width, shown);
    for (int i = 0; i < story.rows().size(); i++) {
      Story.Row row = story.rows().get(i);
      StringBuilder line = new StringBuilder(String.format("%7d", row.place()));
      for (int lane = 0; lane < lanes; lane++) {
        if (shown[lane]) {
          String cell = lane == row.lane() ? marks[lane][i] + " " + cell(row)
              : i < lives[lane][0] || i > lives[lane][1] ? "" : marks[lane][i];
          line.append("  ").append(padded(cell, width[lane]));
        }
      }
      b.append(line.toString().stripTrailing()).append('\n');
    }
    legend(b);
    return b.toString();
  }

  private static void header(StringBuilder b, Trace trace, int[] width, boolean[] shown) {
    StringBuilder names = new StringBuilder("  place");
    StringBuilder rule = new StringBuilder("-------");
    for (int i = 0; i < width.length; i++) {
      if (!shown[i]) {
        continue;
      }
      Trace.Lane lane = trace.lanes().get(i);
      names.append("  ").append(padded(lane.name() + " #" + lane.strand(), width[i]));
      rule.append("  ").append("-".repeat(width[i]));
    }
    b.append(names.toString().stripTrailing()).append('\n').append(rule).append('\n');
  }

  private static void legend(StringBuilder b) {
    b.append("\n" + RUNS + " runs, " + SLEEPS + " sleeps, " + WAITS + " waits for a lock"
        + "; :258 a line of vm_fault.c; D12A a decision taken, 'not' those that were not; +O(3) takes object 3's lock,"
        + " -O(3) gives it back, ± both; [] what is held then.\n");
  }

  private static String cell(Story.Row row) {
    String line = row.line() == 0 ? "" : ":" + row.line() + " ";
    String held = row.event() == TraceEvent.LOCK || row.event() == TraceEvent.UNLOCK || row.event() == TraceEvent.SLEEP
        ? "  [" + row.held() + "]"
        : "";
    return line + row.text() + held;
  }

  private static String padded(String s, int width) {
    if (s.length() > width) {
      return s.substring(0, width - 1) + "…";
    }
    return s + " ".repeat(width - s.length());
  }

  private static int[] widths(Story story, int lanes) {
    int[] width = new int[lanes];
    for (int i = 0; i < lanes; i++) {
      Trace.Lane lane = story.trace().lanes().get(i);
      width[i] = Math.max(WIDTH_MIN, lane.name().length() + 2 + String.valueOf(lane.strand()).length());
    }
    for (Story.Row row : story.rows()) {
      width[row.lane()] = Math.min(WIDTH_MAX, Math.max(width[row.lane()], cell(row).length() + 2));
    }
    return width;
  }

  /** What each strand is doing in each row. */
  private static String[][] marks(Story story, int lanes) {
    String[][] marks = new String[lanes][story.rows().size()];
    for (String[] lane : marks) {
      Arrays.fill(lane, RUNS);
    }
    List<Story.Span> spans = new ArrayList<>(story.spans());
    for (Story.Span s : spans) {
      String mark = s.kind() == Story.SpanKind.SLEEP ? SLEEPS : s.kind() == Story.SpanKind.LOCK_WAIT ? WAITS : null;
      if (mark != null) {
        Arrays.fill(marks[s.lane()], s.from(), Math.max(s.from() + 1, s.to()), mark);
      }
    }
    return marks;
  }
}
