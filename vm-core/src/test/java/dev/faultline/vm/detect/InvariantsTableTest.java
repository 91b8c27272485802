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
import java.util.stream.Collectors;
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
  private static final String REL = "ReleaseChecksTest#";
  private static final String OBJECT = REL + "brokenObject_isFound";
  private static final String HELD = "OwnershipTest#";
  private static final String ORDER = "WaitOrderTest#";
  private static final String HANG = "HangDetectorTest#";

  /** What a check is part of, as the table of costs in docs/detectors.md has it. */
  private static final Map<String, String> PARTS = Map.ofEntries(
      Map.entry("Holders", "ownership"), Map.entry("HoldTable", "ownership"), Map.entry("Witness", "witness"),
      Map.entry("OnlineInvariants", "samples"), Map.entry("PageOwners", "samples"),
      Map.entry("LostModifications", "samples"), Map.entry("TlbCoherence", "samples"),
      Map.entry("ContentOracle", "content oracle"), Map.entry("StaleAccesses", "stamps"), Map.entry("Mmu", "stamps"),
      Map.entry("SwapWatch", "poison"), Map.entry("HangDetector", "looks for hangs"),
      Map.entry("Starvation", "looks for hangs"), Map.entry("ResidentPages", "always on"),
      Map.entry("Findings", "always on"));

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
  private static final String ATO = "ObjectChecks U";

  /** What the checks of a row cost: the parts that they belong to. */
  private static String cost(Row r) {
    return r.checks.stream().map(InvariantsTableTest::part).distinct().collect(Collectors.joining(", "));
  }

  private static String part(String check) {
    String name = check.substring(0, check.indexOf(' '));
    return switch (check.charAt(check.length() - 1)) {
      case 'Q' -> name.equals("ContentOracle") ? "content oracle" : "rest";
      case 'U' -> PARTS.getOrDefault(name, "releases");
      default -> PARTS.get(name);
    };
  }

  private static final List<Row> ROWS = List.of(
      row(1, BOTH, CASE + ", " + ONLINE, ""),
      row(2, BOTH, CASE + ", " + ONLINE + ", " + REL + "brokenQueues_areFound", "also at the release of Q and F"),
      row(3, BOTH, CASE + ", " + ONLINE, ""),
      row(4, BOTH, CASE + ", " + ONLINE, ""),
      row(5, BOTH, CASE + ", " + ONLINE + ", " + REL + "brokenQueues_areFound", "running: the head of the queue,"
          + " also at the release of Q"),
      row(6, BOTH, CASE + ", " + ONLINE, ""),
      row(7, BOTH, CASE + ", " + ONLINE + ", " + REL + "brokenQueues_areFound", "also at the release of Q and F"),
      row(8, BOTH, CASE + ", " + ONLINE + ", " + REL + "brokenQueues_areFound", "running: that the gauges do not exceed"
          + " the frames; also at the release of Q"),
      row(9, BOTH + ", " + ATO, CASE + ", " + ONLINE + ", " + OBJECT, ""),
      row(10, BOTH + ", " + ATO, CASE + ", " + ONLINE + ", " + OBJECT, ""),
      row(11, PAGES, CASE, ""),
      row(12, "Holders T, PageOwners A", HELD + "aPageReleasedTwice_isFound_withItsStory, " + HELD
          + "aPageOfAnother_released_isFound_withTheOwner, " + HELD + "aBusyPage_claimedAgain_isFound, " + OWNERS, ""),
      row(13, PAGES, CASE, ""),
      row(14, BOTH + ", " + ATO, CASE + ", " + ONLINE + ", " + OBJECT, ""),
      row(15, "Holders T", HELD + "aClaimedPageOnAQueue_isFound", "at the claim and before the release; but pages that"
          + " were unwired in between (corrections, 7.1)"),
      row(16, PAGES + ", " + ATO, CASE + ", " + OBJECT, "running: that it is all zeros"),
      row(17, PAGES + ", " + ATO, CASE + ", " + OBJECT, ""),
      row(18, BOTH, CASE + ", " + ONLINE, ""),
      row(19, "Holders T", HELD + "aFrameThatChangedHandsWhileBusy_isFound", "at the release"),
      row(20, OBJECTS, CASE, ""),
      row(21, OBJECTS, CASE, ""),
      row(22, "Holders T, ObjectChecks U", HELD + "pipOfAnother_givenUp_isFound, " + HELD
          + "pipWithoutAHolder_isFoundAtTheNextChange, " + OBJECT, "at each change of pip"),
      row(23, "ObjectChecks U, PageOwners A", OBJECT + ", " + OWNERS, "by the holder's reason"),
      row(24, OBJECTS + ", " + ATO, CASE + ", " + OBJECT, "running: that no object is its own backing object"),
      row(25, OBJECTS + ", " + ATO, CASE + ", " + OBJECT, ""),
      row(26, OBJECTS + ", " + ATO, CASE + ", " + OBJECT, "running: of files, that it is aligned"),
      row(27, OBJECTS + ", " + ATO, CASE + ", " + OBJECT, "running: that the cached have no references"),
      row(28, "ObjectInvariants Q", "InvariantsTest#aMissedCollapse_isCounted_andNoFinding", "weak: counted,"
          + " and no finding"),
      row(29, OBJECTS + ", SwapPager Q, " + ATO, CASE + ", " + OBJECT, ""),
      row(30, MAPPINGS + ", " + ATO, CASE + ", " + REL + "brokenFile_isFound", ""),
      row(31, "Holders T, " + OBJECTS, HELD + "anObjectTouchedAfterItsEnd_isFound, " + CASE, ""),
      row(32, "PmapModule Q, Pmap Q, PmapModule U", CASE, ""),
      row(33, "PmapModule Q, PmapModule U", CASE + ", " + REL + "brokenQueues_areFound", ""),
      row(34, MAPPINGS, CASE, ""),
      row(35, MAPPINGS, CASE, ""),
      row(36, "Mmu Q, TlbCoherence A", CASE + ", " + RUN + "aTranslationThatOutlivesItsWord_isFound", ""),
      row(37, MAPPINGS + ", MapChecks U", CASE + ", " + REL + "brokenMap_isFound", "running: pages of one entry,"
          + " not of share maps"),
      row(38, MAPPINGS, CASE, ""),
      row(39, "Pmap Q", CASE, ""),
      row(40, MAPPINGS, CASE, ""),
      row(41, "ResidentPages T", HELD + "aMappedPageFreed_isFound", "a panic of the free itself: no PTE;"
          + " that no TLB has it shows as I-36 and I-42"),
      row(42, "Mmu T, StaleAccesses T", RUN + "aStaleAccess_isAFinding, AccessObserverTest#"
          + "i42_staleAccess_isReported_onceTheFrameIsAnother", "on machines with stamps"),
      row(43, "LostModifications A", RUN + "aStoreThatTheKernelForgot_isFound, " + RUN
          + "aStoreThatTheKernelForgot_isFound_whereverThePageCameFrom", ""),
      row(44, "SwapSpace Q, SwapSpace U", CASE + ", " + REL + "brokenSwap_isFound", ""),
      row(45, "SwapSpace Q, SwapSpace U", "SwapPagerTest#checkInvariants_seesALostBlock", ""),
      row(46, "SwapSpace Q, SwapPager Q", CASE, ""),
      row(47, "SwapPager Q, LostModifications A", CASE + ", " + RUN + "aStoreThatTheKernelForgot_isFound", ""),
      row(48, "ContentOracle Q", ORACLE + "everyKnownOrKeptPage_isCompared, "
          + "CheckedRunTest#contentsAtRest_areCompared_whereverTheyAre", ""),
      row(49, "ContentOracle Q", "CheckedRunTest#contentsAtRest_areCompared_whereverTheyAre",
          "what a fault would find, resident or on the disk"),
      row(50, "VnodePager Q", CASE, ""),
      row(51, "VnodePager Q, Vnode U", CASE + ", " + REL + "brokenFile_isFound", ""),
      row(52, "SwapWatch T, Volume Q", "SwapWatchTest#aPageUnderATransfer_isNotFreed_norWritten, "
          + "SwapWatchTest#aFreePage_isNotRead_norWritten, "
          + "VnodePagerTest#checkInvariants_seesAPagePastTheEndAndAStrangeObject, " + HELD + "aPageFreedInIo_isFound",
          "swap in flight; of files, that no disk page is given out twice; frames by their holders"),
      row(53, "EntryList Q, EntryList U", CASE + ", " + REL + "brokenMap_isFound", ""),
      row(54, "VmMap Q, VmMaps Q, VmMap U", CASE + ", " + REL + "brokenMap_isFound", ""),
      row(55, "VmMap Q, VmMaps Q, VmMap U", CASE + ", " + REL + "brokenMap_isFound", ""),
      row(56, "Witness T", "WitnessTest#lock_isRefused_atAnyLowerRank, " + ORDER
          + "aBusyPage_isNotWaitedFor_withAnotherHeld, " + ORDER
          + "r30_msyncAgainstABlockingRelookup_isFoundFromOneRunOfEach",
          "locks, and waits for pages, pip, memory, the disk"),
      row(57, "HoldTable T, Witness T, PageOwners A", HELD + "whatIsStillHeldAtTheReturnToUserMode_isFound, " + HELD
          + "whatIsStillHeldWhenAThreadLeaves_isFound, " + OWNERS, ""),
      row(58, "HangDetector T", "HangDetectorTest#", ""),
      row(59, "Starvation T", HANG + "look_sleeperForMemoryBesidePlenty_isReported", "for a second"),
      row(60, "Starvation T, HangDetector T", HANG + "look_threadThatTriesAgainAndAgain_isReported",
          "20,000 attempts without getting on"),
      row(61, "ContentOracle T", ORACLE + "readTheirSeed_andWhatAnyMapperStored", ""),
      row(62, "ContentOracle T", ORACLE + "childOnTheParentsFrame_isFound", ""),
      row(63, "ContentOracle T", ORACLE + "accessAfterMunmap_isFound", ""),
      row(64, "Findings T, InvariantReport Q", "FindingsTest#aDeath_isWhatTheDetectorFound_orAPanic",
          "a panic ends the run"));

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
        rest; **U** while programs run, where the lock that guards it is let go, at one in so many releases
        (`ReleaseChecks`), and of `OnlineInvariants` and with **A** also a few frames every two milliseconds, under the
        locks that guard them; **T** at every event. *cost* names the line of [what they cost](detectors.md) that
        the check is part of. *fires* is the test that breaks a kernel, or plays a broken one, and sees the check speak.

        | I | due | checked by | cost | fires | remark |
        | --- | --- | --- | --- | --- | --- |
        """);
    for (Row r : ROWS) {
      b.append("| I-").append(r.number).append(" | ").append(when.get(r.number)).append(" | ")
          .append(r.checks.isEmpty() ? "—" : String.join(", ", r.checks)).append(" | ").append(cost(r)).append(" | ")
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
      assertThat(!r.checks.isEmpty() && !r.proofs.isEmpty()).as("I-%d: checked, and seen to fire", r.number).isTrue();
      assertThat(cost(r)).as("I-%d: cost", r.number).isNotEmpty().doesNotContain("null");
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
