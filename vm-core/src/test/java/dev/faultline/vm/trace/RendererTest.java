package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import java.io.StringReader;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

/** Pictures of a small story: a fault finds a page busy, sleeps, and is woken. */
final class RendererTest {
  private record Thing(TraceKind traceKind, long traceId) implements TraceSubject {}

  private static final Thing PAGE = new Thing(TraceKind.PAGE, 5);
  private static final Thing OBJECT = new Thing(TraceKind.OBJECT, 3);
  private static final Thing O = new Thing(TraceKind.LOCK_O, 3);
  private static final Thing D12A = new Thing(TraceKind.DECISION, 11);
  private static final Thing D7 = new Thing(TraceKind.DECISION, 6);
  private static final Thing D8 = new Thing(TraceKind.DECISION, 7);

  /** Strands a and b by turns, as one thread. */
  private static Trace story(int ring) {
    Tracer t = new Tracer(TraceOptions.rings(ring));
    t.name(D7, "D7 the map lookup failed");
    t.name(D8, "D8 the chain contains a vnode object");
    t.name(D12A, "D12A the page is PG_BUSY");
    Strands strands = new ThreadStrands();
    strands.attach("pid 1");
    t.event(TraceEvent.FAULT, 0x1000, 3, new Thing(TraceKind.MAP, 1));
    t.event(TraceEvent.DECISION, D7, 187, 0);
    t.event(TraceEvent.DECISION, D8, 193, 0);
    t.event(TraceEvent.LOCK, O);
    t.event(TraceEvent.DECISION, D12A, 258, 1);
    t.word(TraceEvent.SLEEP, PAGE, "vmpfw");
    t.event(TraceEvent.UNLOCK, O);
    Object first = Strand.current().journal;
    strands.detach();
    strands.attach("pid <2>");
    t.event(TraceEvent.LOCK, O);
    t.event(TraceEvent.UNBUSY, PAGE);
    t.event(TraceEvent.WAKEUP, PAGE);
    t.event(TraceEvent.WAKES, 0);
    t.event(TraceEvent.SHOOTDOWN, new Thing(TraceKind.PMAP, 1), 0x1000, 0x1000);
    t.event(TraceEvent.PURGE, 1, TraceKind.PMAP.code(1));
    t.event(TraceEvent.UNLOCK, O);
    strands.detach();
    strands.attach("again");
    Strand.current().journal = first; // strand 0 goes on
    t.event(TraceEvent.WOKEN, 0);
    t.event(TraceEvent.CLAIM, PAGE, OBJECT, 284);
    t.event(TraceEvent.FAULT_END, 0);
    strands.detach();
    EventRings rings = t.rings();
    assertThat(rings).isNotNull();
    return rings.trace();
  }

  @Test
  void text_tellsTheStory() {
    assertThat(TextRenderer.render(story(64), "a title"))
        .isEqualTo(
            """
            a title

              place  pid 1 #0                            pid <2> #1
            -------  ----------------------------------  ---------------------------------
                  1  │ fault at 0x1000 for rw- in map 1
                  2  │ :187 not D7, D8
                  4  │ +O(3)  [O(3)]
                  5  │ :258 D12A the page is PG_BUSY
                  6  z sleeps on page 5: vmpfw  [O(3)]
                  7  z -O(3)  []
                  8  z                                   │ +O(3)  [O(3)]
                  9  z                                   │ un-busies page 5
                 10  z                                   │ wakeup of page 5
                 11  z                                   │ wakes pid 1
                 12  z                                   │ shoots pmap 1 at 0x1000, 0x1000
                 13  z                                   │ purges TLB 1 of pmap 1
                 14  z                                   │ -O(3)  []
                 15  │ awake
                 16  │ :284 claims page 5 of object 3
                 17  │ fault ends: SUCCESS

            │ runs, z sleeps, × waits for a lock; :258 a line of vm_fault.c; D12A a decision taken, \
            'not' those that were not; +O(3) takes object 3's lock, -O(3) gives it back, ± both; [] what is held then.
            """);
  }

  @Test
  void text_beginsWhereNothingIsMissing() {
    assertThat(TextRenderer.render(story(4), "t"))
        .contains("From place 11 on: of what came before", "     11  │")
        .doesNotContain("fault at", "wakeup of");
    assertThat(SvgRenderer.render(story(4), "t"))
        .contains("From place 11 on", "wakes pid 1")
        .doesNotContain("fault at");
  }

  /** What is known from before the first row is not drawn, but lasts: here strand 0 sleeps, and 2 is gone. */
  @Test
  void text_knowsWhoSleepsSinceBefore() {
    Trace t = new Trace(
        List.of(new Trace.Lane(0, "sleeper"), new Trace.Lane(1, "other"), new Trace.Lane(2, "gone")),
        List.of(new TraceRecord(2, 0, TraceEvent.SLEEP, 0, 0, 0), new TraceRecord(3, 2, TraceEvent.FREE, 0, 0, 0),
            new TraceRecord(7, 1, TraceEvent.LOCK, TraceKind.codeOf(O), 0, 0),
            new TraceRecord(8, 1, TraceEvent.UNLOCK, TraceKind.codeOf(O), 0, 0)),
        7,
        Map.of());
    assertThat(TextRenderer.render(t, "t").lines().skip(4).limit(3))
        .containsExactly(
            "  place  sleeper #0      other #1",
            "-------  --------------  --------------",
            "      7  z               │ ±O(3)  []");
    assertThat(SvgRenderer.render(t, "t")).contains("class=\"sleep\"", ">other<").doesNotContain(">gone<");
  }

  @Test
  void svg_isWellFormed_andNeedsNothingElse() throws Exception {
    String svg = SvgRenderer.render(story(64), "1 < 2 & \"3\"");
    DocumentBuilderFactory f = DocumentBuilderFactory.newInstance();
    f.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    assertThat(f.newDocumentBuilder().parse(new InputSource(new StringReader(svg))).getDocumentElement().getTagName())
        .isEqualTo("svg");
    assertThat(svg.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http", "href", "@import", "<script");
    assertThat(svg)
        .contains("pid &lt;2&gt;", "1 &lt; 2 &amp;", ":258", "TLB 1", "class=\"a wake\"", "class=\"a purge\"",
            "class=\"sleep\"", "prefers-color-scheme: dark")
        .contains("<title>O(3)</title>");
  }

  @Test
  void pictures_areTheSame_forTheSameEvents() {
    assertThat(SvgRenderer.render(story(64), "t")).isEqualTo(SvgRenderer.render(story(64), "t"));
    assertThat(TextRenderer.render(story(64), "t")).isEqualTo(TextRenderer.render(story(64), "t"));
  }

  @Test
  void pictures_ofNothing_areDrawn() {
    Tracer t = new Tracer(TraceOptions.rings(1));
    EventRings rings = t.rings();
    assertThat(rings).isNotNull();
    assertThat(TextRenderer.render(rings.trace(), "t")).startsWith("t\n");
    assertThat(SvgRenderer.render(rings.trace(), "t")).endsWith("</svg>\n");
  }
}
