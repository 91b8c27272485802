package dev.faultline.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * docs/races.md says of each race of vm-semantics 5.5 where it is mended, which test shows it and which shows it gone,
 * and of each historical switch of 5.6 what shows its damage. The page is made here, from {@link RacesTable}; what a
 * row claims is looked up in the sources.
 *
 * <p>{@code -Dfaultline.writeDocs=true} writes the page anew.
 */
final class RacesTableTest {
  private static final Path ROOT = Path.of("..");
  private static final Path PAGE = ROOT.resolve("docs/races.md");
  private static final Path SPECIFICATION = ROOT.resolve("docs/design/vm-semantics.md");
  private static final List<String> MODULES = List.of("vm-core", "hw-sim", "linearizability", "stress");

  private static String cell(List<String> names) {
    return names.isEmpty() ? "—" : String.join(", ", names.stream().map(n -> "`" + n + "`").toList());
  }

  private static String page() {
    StringBuilder b = new StringBuilder("""
        # The races, and the historical switches

        Made and kept true by `RacesTableTest`, which finds each place and each test of this page in the sources; after
        a change there, `./mvnw -pl vm-core -am test -Dtest=RacesTableTest -Dfaultline.writeDocs=true` writes it anew.

        A race of section 5.5 of [vm-semantics](design/vm-semantics.md) is *shown* by a test that plays its schedule
        with the historical switch on, without locks (NAIVE mode), or on a variant of the step that is broken as the
        original is; jcstress classes (`R03_TwoClaimers`) carry such variants beside the right one. It is *gone* where a
        test plays the same schedule, or all of them, on the kernel as shipped. Where nothing is shown, the remark says
        why. Deadlocks that no switch brings back are shown by the state in which the original's step would wait.

        | R | mended in | shown by | gone, says | remark |
        | --- | --- | --- | --- | --- |
        """);
    for (RacesTable.Race r : RacesTable.RACES) {
      b.append("| ").append(r.name()).append(" | ").append(cell(r.code())).append(" | ").append(cell(r.shows()))
          .append(" | ").append(cell(r.gone())).append(" | ").append(r.note()).append(" |\n");
    }
    b.append("""

        ## Switches

        | switch | consulted in | what it breaks, shown by | without it | remark |
        | --- | --- | --- | --- | --- |
        """);
    for (RacesTable.Switch s : RacesTable.SWITCHES) {
      b.append("| ").append(s.label()).append(" | ").append(cell(s.code())).append(" | ").append(cell(s.shows()))
          .append(" | ").append(cell(s.gone())).append(" | ").append(s.note()).append(" |\n");
    }
    return b.toString();
  }

  @Test
  void thePage_isWhatThisTestMakes() throws IOException {
    if (Boolean.getBoolean("faultline.writeDocs")) {
      Files.writeString(PAGE, page());
    }
    assertThat(Files.readString(PAGE)).isEqualTo(page());
  }

  @Test
  void everyRaceOfTheSpecification_hasARow() throws IOException {
    List<String> specified = new ArrayList<>();
    Pattern p = Pattern.compile("\\| (R\\d+b?) \\|.*");
    for (String line : Files.readAllLines(SPECIFICATION)) {
      Matcher m = p.matcher(line);
      if (m.matches()) {
        specified.add(m.group(1));
      }
    }
    assertThat(RacesTable.RACES.stream().map(RacesTable.Race::name).toList()).isEqualTo(specified).hasSize(43);
  }

  @Test
  void everySwitchOfTheKernel_hasARow() {
    List<String> rows = RacesTable.SWITCHES.stream().map(RacesTable.Switch::label).toList();
    List<String> kernel =
        Arrays.stream(Defect.values()).map(Defect::label).filter(l -> l.startsWith("H-")).toList();
    assertThat(rows).doesNotHaveDuplicates().containsAll(kernel);
  }

  /** Returns the text of the sources of that name, of programs or of tests, in all modules. */
  private static String source(String name, boolean test) {
    StringBuilder found = new StringBuilder();
    for (String module : MODULES) {
      Path src = ROOT.resolve(module).resolve("src").resolve(test ? "test" : "main");
      try (Stream<Path> files = Files.walk(src)) {
        for (Path f : files.filter(x -> x.getFileName().toString().equals(name + ".java")).toList()) {
          found.append(Files.readString(f));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return found.toString();
  }

  @Test
  void everyPlace_isInTheSources() {
    Set<String> places = new LinkedHashSet<>();
    RacesTable.RACES.forEach(r -> places.addAll(r.code()));
    for (String place : places) {
      int dot = place.indexOf('.');
      String name = dot < 0 ? place : place.substring(0, dot);
      assertThat(source(name, false)).as(place).isNotEmpty().contains(dot < 0 ? name : place.substring(dot + 1) + "(");
    }
    for (RacesTable.Switch s : RacesTable.SWITCHES) {
      String constant = s.label().replace('-', '_');
      for (String name : s.code()) {
        assertThat(source(name, false)).as("%s in %s", s.label(), name).contains("Defect." + constant);
      }
    }
  }

  @Test
  void everyTest_isOne() {
    List<String> tests = new ArrayList<>();
    RacesTable.RACES.forEach(r -> {
      tests.addAll(r.shows());
      tests.addAll(r.gone());
    });
    RacesTable.SWITCHES.forEach(s -> {
      tests.addAll(s.shows());
      tests.addAll(s.gone());
    });
    for (String test : tests) {
      int hash = test.indexOf('#');
      if (hash < 0) { // jcstress
        assertThat(source(test, false)).as(test).contains("@JCStressTest");
      } else {
        assertThat(source(test.substring(0, hash), true)).as(test)
            .contains(" void " + test.substring(hash + 1) + "(");
      }
    }
  }

  @Test
  void whatIsNotShown_saysWhy() {
    RacesTable.RACES.forEach(r -> {
      assertThat(r.code()).as(r.name()).isNotEmpty();
      assertThat(r.gone()).as(r.name()).isNotEmpty();
      assertThat(r.shows().isEmpty() && r.note().isEmpty()).as(r.name()).isFalse();
    });
    RacesTable.SWITCHES.forEach(
        s -> assertThat((s.shows().isEmpty() || s.gone().isEmpty()) && s.note().isEmpty()).as(s.label()).isFalse());
  }
}
