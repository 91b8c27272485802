package dev.faultline.vm.detect;

import dev.faultline.vm.detect.WaitForGraph.Wait;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Draws a wait-for graph: threads on the left, what they wait for on the right, an arrow from each waiter to what it
 * wants, with the reason, and one back to who has it. What lies on a circle is red.
 */
final class WaitForPicture {
  private static final int BOX_WIDTH = 220;
  private static final int THING_WIDTH = 460;
  private static final int GAP = 170;
  private static final int MARGIN = 16;
  private static final int HEIGHT = 30;
  private static final int PITCH = 54;
  private static final int TEXT_MAX = 64;
  private static final String RED = "#b00020";
  private static final String BLACK = "#222222";
  private static final String GREY = "#777777";

  private final Map<String, Integer> threads = new LinkedHashMap<>(); // rows, from above
  private final Map<String, Integer> things = new LinkedHashMap<>();
  private final List<Wait> waits;
  private final Set<KThread> circle;
  private final StringBuilder out = new StringBuilder();

  WaitForPicture(WaitForGraph g) {
    waits = g.waits();
    circle = new LinkedHashSet<>(g.cycle());
    for (Wait w : waits) {
      threads.putIfAbsent(w.waiter().toString(), threads.size());
      things.putIfAbsent(w.subject(), things.size());
    }
    for (Wait w : waits) {
      holders(w).forEach(h -> threads.putIfAbsent(h, threads.size()));
    }
  }

  private static List<String> holders(Wait w) {
    List<String> all = new ArrayList<>();
    w.holders().forEach(h -> all.add(h.toString()));
    all.addAll(w.others());
    return all;
  }

  String svg() {
    int width = 2 * MARGIN + BOX_WIDTH + GAP + THING_WIDTH;
    int height = 2 * MARGIN + PITCH * Math.max(1, Math.max(threads.size(), things.size()));
    out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"").append(width).append("\" height=\"").append(height)
        .append("\" font-family=\"monospace\" font-size=\"12\">\n");
    out.append("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
        + "markerHeight=\"8\" orient=\"auto\"><path d=\"M0,0L8,4L0,8z\" fill=\"context-stroke\"/></marker></defs>\n");
    for (Wait w : waits) {
      boolean bad = circle.contains(w.waiter());
      int from = middle(threads, w.waiter().toString());
      int to = middle(things, w.subject());
      arrow(MARGIN + BOX_WIDTH, from - 5, MARGIN + BOX_WIDTH + GAP, to - 5, bad ? RED : BLACK, false);
      text(MARGIN + BOX_WIDTH + GAP / 2, (from + to) / 2 - 10, "middle", bad ? RED : BLACK, w.tag());
      for (String h : holders(w)) {
        boolean back = bad && circle.stream().anyMatch(t -> t.toString().equals(h));
        arrow(MARGIN + BOX_WIDTH + GAP, to + 5, MARGIN + BOX_WIDTH, middle(threads, h) + 5, back ? RED : GREY, true);
      }
    }
    threads.forEach((name, row) -> {
      boolean bad = circle.stream().anyMatch(t -> t.toString().equals(name));
      box(MARGIN, row, BOX_WIDTH, 0, bad ? RED : BLACK, name);
    });
    things.forEach((name, row) -> box(MARGIN + BOX_WIDTH + GAP, row, THING_WIDTH, HEIGHT / 2, BLACK, name));
    return out.append("</svg>\n").toString();
  }

  private static int middle(Map<String, Integer> rows, String name) {
    return MARGIN + PITCH * rows.getOrDefault(name, 0) + HEIGHT / 2;
  }

  private void box(int x, int row, int width, int round, String colour, String name) {
    int y = MARGIN + PITCH * row;
    out.append("<rect x=\"").append(x).append("\" y=\"").append(y).append("\" width=\"").append(width)
        .append("\" height=\"").append(HEIGHT).append("\" rx=\"").append(round).append("\" fill=\"white\" stroke=\"")
        .append(colour).append("\"><title>").append(escaped(name)).append("</title></rect>\n");
    int room = Math.min(TEXT_MAX, width / 8);
    String shown = name.length() <= room ? name : name.substring(0, room - 1) + "…";
    text(x + 8, y + HEIGHT / 2 + 4, "start", colour, shown);
  }

  private void arrow(int x1, int y1, int x2, int y2, String colour, boolean dashed) {
    out.append("<line x1=\"").append(x1).append("\" y1=\"").append(y1).append("\" x2=\"").append(x2).append("\" y2=\"")
        .append(y2).append("\" stroke=\"").append(colour).append('"').append(dashed ? " stroke-dasharray=\"5 3\"" : "")
        .append(" marker-end=\"url(#tip)\"/>\n");
  }

  private void text(int x, int y, String anchor, String colour, String s) {
    out.append("<text x=\"").append(x).append("\" y=\"").append(y).append("\" text-anchor=\"").append(anchor)
        .append("\" fill=\"").append(colour).append("\">").append(escaped(s)).append("</text>\n");
  }

  private static String escaped(String s) {
    return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }
}
