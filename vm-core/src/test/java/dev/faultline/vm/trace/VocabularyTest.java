package dev.faultline.vm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.page.VmPage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The vocabulary and what is written of it. */
final class VocabularyTest {
  private static final Path DOC = Path.of("../docs/traces.md");

  private static String row(TraceEvent e) {
    String fields = e.args().stream().map(TraceEvent.Arg::name).collect(Collectors.joining(", "));
    String recorder = switch (e.role()) {
      case STEP, END_AND_STEP -> "`vm." + e.title() + "`";
      case BEGIN -> "`vm." + e.title() + "`, lasts";
      case END -> "";
    };
    return "| " + e + " | " + e.text() + " | " + fields + " | " + recorder + " |";
  }

  @Test
  void table_isTheVocabulary() throws IOException {
    List<String> rows = new ArrayList<>();
    for (TraceEvent e : TraceEvent.values()) {
      rows.add(row(e));
    }
    List<String> written = Files.readAllLines(DOC).stream().filter(l -> l.matches("\\| [A-Z_]+ \\|.*")).toList();
    assertThat(written).as("rows of %s; right ones:%n%s", DOC, String.join("\n", rows)).isEqualTo(rows);
  }

  /** Queues are recorded by their numbers, and named here, below the package that numbers them. */
  @Test
  void queues_haveTheNamesOfTheirNumbers() {
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_NONE)).isEqualTo("no queue");
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_FREE)).isEqualTo("free");
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_ZERO)).isEqualTo("zero");
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_CACHE)).isEqualTo("cache");
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_INACTIVE)).isEqualTo("inactive");
    assertThat(Trace.plainValue(ArgType.QUEUE, VmPage.QUEUE_ACTIVE)).isEqualTo("active");
  }
}
