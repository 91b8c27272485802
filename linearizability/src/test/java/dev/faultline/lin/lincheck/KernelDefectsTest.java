package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The suites over kernels that are wrong: each defect of {@link KernelDefect} is found out, and what finds it passes on
 * the kernel as shipped. docs/lincheck.md has the list; {@code -Dfaultline.writeDocs=true} writes it anew.
 */
class KernelDefectsTest {
  private static final Path PAGE = Path.of("..", "docs", "lincheck.md");
  private static final String BEGIN = "<!-- begin: defects, made by KernelDefectsTest -->\n";
  private static final String END = "<!-- end: defects -->\n";

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "TYPE2")
  void isFoundOut_andNotWithoutIt(KernelDefect d) {
    find(d);
  }

  /** One schedule in some hundreds: ten seconds of a processor. */
  @Test
  @Tag("slow")
  void typeReadTwice_isFoundOut_andNotWithoutIt() {
    find(KernelDefect.TYPE2);
  }

  private static void find(KernelDefect d) {
    assertThat(Lincheck.report(d, false)).as("the kernel as shipped").isEmpty();
    assertThat(Lincheck.report(d, true)).contains(d.says());
  }

  @Test
  void atLeastEightSwitches_areFound() {
    assertThat(Arrays.stream(KernelDefect.values()).map(KernelDefect::label).filter(l -> l.startsWith("H-")).distinct())
        .hasSizeGreaterThanOrEqualTo(8);
  }

  private static String table() {
    StringBuilder b = new StringBuilder("""
        | kernel | race, or invariant | suite | scenario | the report says |
        | --- | --- | --- | --- | --- |
        """);
    for (KernelDefect d : KernelDefect.values()) {
      b.append("| ").append(d.label()).append(" | ").append(d.race()).append(" | `")
          .append(d.suite().getEnclosingClass().getSimpleName()).append("` | ").append(d.script().text())
          .append(" | `").append(d.says()).append("` |\n");
    }
    return b.toString();
  }

  @Test
  void thePagesTable_isWhatThisTestMakes() throws IOException {
    String page = Files.readString(PAGE);
    int from = page.indexOf(BEGIN) + BEGIN.length();
    int to = page.indexOf(END);
    if (Boolean.getBoolean("faultline.writeDocs")) {
      page = page.substring(0, from) + table() + page.substring(to);
      Files.writeString(PAGE, page);
      to = page.indexOf(END);
    }
    assertThat(page.substring(from, to)).isEqualTo(table());
  }
}
