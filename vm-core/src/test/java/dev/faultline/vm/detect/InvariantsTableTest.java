package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * docs/invariants.md says of each invariant of vm-semantics section 7 where it is checked, when, and by which test the
 * check is shown to fire. The table is made here, from {@link #ROWS}; what a row claims is looked up in the sources.
 *
 * <p>{@code -Dfaultline.writeDocs=true} writes the page anew.
 */
final class InvariantsTableTest {
  private static final Path ROOT = Path.of("..");
  private static final Path PAGE = ROOT.resolve("docs/invariants.md");
  private static final Path SPECIFICATION = ROOT.resolve("docs/design/vm-semantics.md");
  private static final int COUNT = 64;

  /** Stands for: InvariantsTest has a case that breaks it. */
  private static final String CASE = "InvariantsTest#brokenKernel_isFound";
  private static final String ONLINE = "OnlineInvariantsTest#brokenKernel_isFound";
  private static final String RUN = "RunDetectorsTest#";
  private static final String OWNERS = RUN + "aBusyPageNobodyAnswersFor_isFound";
  private static final String ORACLE = "ContentOracleTest#";

  /**
   * What is said of one invariant.
   *
   * @param checks where it is checked: classes, each with when it looks, as in {@code PageInvariants Q}
   * @param proofs tests that show a check fire, {@code Class#method}
   * @param note what there is to add, or empty
   */
  private record Row(int number, List<String> checks, List<String> proofs, String note) {}

  private static Row row(int number, String checks, String proofs, String note) {
    return new Row(number, split(checks), split(proofs), note);
  }

  private static List<String> split(String s) {
    return s.isEmpty() ? List.of() : Arrays.asList(s.split(", "));
  }

  private static final String PAGES = "PageInvariants Q";
  private static final String BOTH = "PageInvariants Q, OnlineInvariants U";
  private static final String OBJECTS = "ObjectInvariants Q";
  private static final String MAPPINGS = "MappingInvariants Q";

  private static final List<Row> ROWS = List.of(
      row(1, BOTH, CASE + ", " + ONLINE, ""),
      row(2, BOTH, CASE + ", " + ONLINE, ""),
      row(3, BOTH, CASE + ", " + ONLINE, ""),
      row(4, BOTH, CASE + ", " + ONLINE, ""),
      row(5, BOTH, CASE + ", " + ONLINE, "running: the head of the queue"),
      row(6, BOTH, CASE + ", " + ONLINE, ""),
      row(7, BOTH, CASE + ", " + ONLINE, ""),
      row(8, BOTH, CASE + ", " + ONLINE, "running: that the gauges do not exceed the frames"),
      row(9, BOTH, CASE + ", " + ONLINE, ""),
      row(10, BOTH, CASE + ", " + ONLINE, ""),
      row(11, PAGES, CASE, ""),
      row(12, "PageOwners A", OWNERS, "that there is an owner; the fault handler asserts that it is its own"),
      row(13, PAGES, CASE, ""),
      row(14, BOTH, CASE + ", " + ONLINE, ""),
      row(15, "", "", "a claim lasts less than a microsecond; there is no hook where it could be seen"),
      row(16, PAGES, CASE, ""),
      row(17, PAGES, CASE, ""),
      row(18, BOTH, CASE + ", " + ONLINE, ""),
      row(19, "", "", "follows from I-12 and I-42: who gives a frame away changes gen, and the stamp with it"),
      row(20, OBJECTS, CASE, ""),
      row(21, OBJECTS, CASE, ""),
      row(22, "", "", "holders are not registered; that they are 0 at rest is I-21"),
      row(23, "PageOwners A", OWNERS, "pages of transfers and of the page daemon"),
      row(24, OBJECTS, CASE, ""),
      row(25, OBJECTS, CASE, ""),
      row(26, OBJECTS, CASE, ""),
      row(27, OBJECTS, CASE, ""),
      row(28, "", "", "weak: legitimate in too many states to be a finding"),
      row(29, OBJECTS + ", SwapPager Q", CASE, ""),
      row(30, MAPPINGS, CASE, ""),
      row(31, OBJECTS, CASE, "as a backing object"),
      row(32, "PmapModule Q, Pmap Q", CASE, ""),
      row(33, "PmapModule Q", CASE, ""),
      row(34, MAPPINGS, CASE, ""),
      row(35, MAPPINGS, CASE, ""),
      row(36, "Mmu Q, TlbCoherence A", CASE + ", " + RUN
          + "aTranslationThatOutlivesItsWord_isFound_whereThereIsAnInstantToLook", "running: in UP mode"),
      row(37, MAPPINGS, CASE, ""),
      row(38, MAPPINGS, CASE, ""),
      row(39, "Pmap Q", CASE, ""),
      row(40, MAPPINGS, CASE, ""),
      row(41, "ResidentPages T", "", "a panic of the free itself"),
      row(42, "Mmu T, StaleAccesses T", RUN + "aStaleAccess_isAFinding, AccessObserverTest#"
          + "i42_staleAccess_isReported_onceTheFrameIsAnother", "on machines with stamps"),
      row(43, "LostModifications A", RUN + "aStoreThatTheKernelForgot_isFound", "pages that swap has"),
      row(44, "SwapSpace Q", CASE, ""),
      row(45, "SwapSpace Q", "SwapPagerTest#checkInvariants_seesALostBlock", ""),
      row(46, "SwapSpace Q, SwapPager Q", CASE, ""),
      row(47, "SwapPager Q, LostModifications A", CASE + ", " + RUN + "aStoreThatTheKernelForgot_isFound", ""),
      row(48, "ContentOracle Q", ORACLE + "everyKnownOrKeptPage_isCompared, "
          + "CheckedRunTest#contentsAtRest_areCompared_whereverTheyAre", ""),
      row(49, "ContentOracle Q", "CheckedRunTest#contentsAtRest_areCompared_whereverTheyAre",
          "what a fault would find, resident or on the disk"),
      row(50, "VnodePager Q", CASE, ""),
      row(51, "VnodePager Q", CASE, ""),
      row(52, "Volume Q", "VnodePagerTest#checkInvariants_seesAPagePastTheEndAndAStrangeObject",
          "that no disk page is given out twice"),
      row(53, "EntryList Q", CASE, ""),
      row(54, "VmMap Q, VmMaps Q", CASE, ""),
      row(55, "VmMap Q, VmMaps Q", CASE, ""),
      row(56, "Witness T", "WitnessTest#lock_isRefused_atAnyLowerRank", "mutexes, and waits for sleepable locks"),
      row(57, "ProcThread T, PageOwners A", OWNERS, "locks at the return to user mode; busy pages of ended threads"),
      row(58, "HangDetector T", "HangDetectorTest#", ""),
      row(59, "", "", "a hang shows as I-58"),
      row(60, "", "", "a fault that never ends shows as I-58"),
      row(61, "ContentOracle T", ORACLE + "readTheirSeed_andWhatAnyMapperStored", ""),
      row(62, "ContentOracle T", ORACLE + "childOnTheParentsFrame_isFound", ""),
      row(63, "ContentOracle T", ORACLE + "accessAfterMunmap_isFound", ""),
      row(64, "InvariantReport Q", "", "a panic ends the run and is a finding"));

  private static Map<Integer, String> specified() throws IOException {
    Map<Integer, String> when = new LinkedHashMap<>();
    Pattern p = Pattern.compile("\\| I-(\\d+) \\| ([^|]*) \\|.*");
    for (String line : Files.readAllLines(SPECIFICATION)) {
      Matcher m = p.matcher(line);
      if (m.matches()) {
        when.put(Integer.parseInt(m.group(1)), m.group(2).strip());
      }
    }
    return when;
  }

  private static String page() throws IOException {
    Map<Integer, String> when = specified();
    StringBuilder b = new StringBuilder("""
        # Where each invariant is checked

        The invariants are those of section 7 of [vm-semantics](design/vm-semantics.md). Made and kept true by
        `InvariantsTableTest`, which finds each check and each test of this table in the sources; after a change there,
        `./mvnw -pl vm-core -am test -Dtest=InvariantsTableTest -Dfaultline.writeDocs=true` writes this page anew.

        *due* is when the specification wants it to hold. *checked by* names the class, and when it looks: **Q** at
        rest, **U** and **A** while programs run, a few frames every two milliseconds, under the locks that guard them,
        **T** at every event. *fires* is the test that breaks a kernel, or plays a broken one, and sees the check speak.

        | I | due | checked by | fires | remark |
        | --- | --- | --- | --- | --- |
        """);
    for (Row r : ROWS) {
      b.append("| I-").append(r.number).append(" | ").append(when.get(r.number)).append(" | ")
          .append(r.checks.isEmpty() ? "—" : String.join(", ", r.checks)).append(" | ")
          .append(r.proofs.isEmpty() ? "—" : String.join(", ", r.proofs.stream().map(p -> "`" + p.replaceAll("#$", "")
              + "`").toList()))
          .append(" | ").append(r.note).append(" |\n");
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
  void everyInvariantOfTheSpecification_hasARow() throws IOException {
    assertThat(ROWS.stream().map(Row::number).toList()).isEqualTo(List.copyOf(specified().keySet()));
    assertThat(ROWS).hasSize(COUNT);
  }

  /** Returns the sources of classes of that name, in all modules. */
  private static List<String> sources(String side, String className) {
    List<String> found = new ArrayList<>();
    for (String module : List.of("vm-core", "hw-sim")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src").resolve(side))) {
        for (Path f : files.filter(x -> x.getFileName().toString().equals(className + ".java")).toList()) {
          found.add(Files.readString(f));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return found;
  }

  @Test
  void everyCheck_isInTheClassThatTheRowNames() {
    for (Row r : ROWS) {
      for (String check : r.checks) {
        String name = check.substring(0, check.indexOf(' '));
        assertThat(sources("main", name)).as("I-%d %s", r.number, name).isNotEmpty().anySatisfy(
            text -> assertThat(text).containsPattern("I-" + r.number + "[^0-9]"));
      }
      assertThat(!r.checks.isEmpty() || !r.note.isEmpty()).as("I-%d: checked, or says why not", r.number).isTrue();
    }
  }

  @Test
  void everyProof_isATest() {
    List<String> cases = InvariantsTest.caseNames();
    for (Row r : ROWS) {
      for (String proof : r.proofs) {
        String name = proof.substring(0, proof.indexOf('#'));
        String method = proof.substring(proof.indexOf('#') + 1);
        assertThat(sources("test", name)).as(proof).isNotEmpty().anySatisfy(
            text -> assertThat(text).contains(method.isEmpty() ? "I-" + r.number : " void " + method + "("));
        if (proof.equals(ONLINE)) {
          assertThat(sources("test", name).get(0)).as(proof).contains("\"I-" + r.number + "\"");
        }
        if (proof.equals(CASE)) {
          assertThat(cases).as("cases").anySatisfy(c -> assertThat(c).startsWith("I-" + r.number + " "));
        }
      }
    }
  }

  /** No check fires in a test that this table forgets. */
  @Test
  void everyCaseOfTheInvariantsTest_isInItsRow() {
    InvariantsTest.caseNames().forEach(c -> {
      int number = Integer.parseInt(c.substring(2, c.indexOf(' ')));
      assertThat(ROWS.get(number - 1).proofs()).as(c).contains(CASE);
    });
  }
}
