package dev.faultline.vm.fault;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * The end-to-end paths of vm-semantics 4.6: of each, and of each way to take it, every decision from the fault's begin
 * to its end, in order. {@link PathTests} holds the fault handler to it, {@link PathTableTest} makes docs/paths.md of
 * it.
 */
final class PathTable {
  /*
   * Written as   D7F: decision D7 was not taken.    3*(D74T D75T): that, three times over.    +(…): once or more often.
   * Pieces       steps that many paths share have a name. FILE stands for "with a vnode in the chain": its lock is
   *              taken (D8), no zeroed frame is asked for (D18), its lock is given back (D4).
   */
  private static final String LOOKUP = "D7F D8F D9F";
  private static final String LOOKUP_FILE = "D7F D8T D9F";
  private static final String LOOKUP_WIRED = "D7F D8F D9T";

  private static final String RESIDENT = "D10T D11T D12AF D12BF D14AF D15AF";
  private static final String DEFAULT_TOP = "D10T D11F D16AF D16BT D17F D18F D19F D20AF D28T";
  private static final String DEFAULT_TOP_FILE = "D10T D11F D16AF D16BT D17F D18T D19F D20AF D28T";
  private static final String DEFAULT_BELOW = "D10T D11F D16AF D16BF D20AF D28F";
  private static final String TO_THE_PAGER = "D10T D11F D16AT D17F D18F D19F D20AT D20BT";
  private static final String TO_THE_PAGER_FILE = "D10T D11F D16AT D17F D18T D19F D20AT D20BT";
  private static final String PAGER_HAS_IT_ALONE = "D60F D61T D1T";
  // the first of two pages, with the one after it
  private static final String PAGER_HAS_TWO =
      "D60F D61F D62T D63T D64F D65F D70F D71T D72F D71F D73T D74T D75F D74T D75T D76F D74F D1T";
  private static final String READ = "D21T D22T D23F";
  private static final String PAGER_LACKS_IT = "D60T D1T D21F D22F D24F D25AF D25BF";
  private static final String DOWN_FROM_THE_TOP = "D29F D32F";
  private static final String DOWN_FROM_BELOW = "D29F D32T D6F";
  private static final String ZERO_AT_THE_TOP = "D29T D30F D31T";
  private static final String ZERO_FROM_BELOW = "D29T D30T D6F D31T";

  private static final String OWN = "D33F D34F";
  private static final String BELOW = "D33F D34T D35F";
  private static final String COPIED = "D33F D34T D35T D36T D5F D6F";
  private static final String MAP_KEPT = "D37F";
  private static final String MAP_AS_BEFORE = "D37T D38F D39AF D39BF D40F";

  private static final String ENTER_FOR_READ = "D41T D42T D43F D44F D46T D47T";
  private static final String ENTER_FOR_WRITE = "D41T D42T D43T D44F D46T D47T";
  private static final String ENTER_READ_ONLY = "D41F D42F D44F D46T D47T";
  private static final String ENTER_WIRED = "D41T D42T D43T D44T D45T D47T";
  private static final String SOFT = "D48F D49F D5F D6F";
  private static final String HARD = "D48T D49F D5F D6F";
  private static final String LEAVE = "D50F D1T D4F";
  private static final String LEAVE_FILE = "D50F D1T D4T";
  private static final String LEAVE_FROM_BELOW = "D50T D3T D5F D6F D1T D4F";

  private static final String ABANDON = "D5F D2T D6F D3F";
  private static final String P1 = join(LOOKUP, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_READ, SOFT, LEAVE);
  private static final String COPY_TO_TOP =
      join(LOOKUP, DEFAULT_TOP, DOWN_FROM_THE_TOP, RESIDENT, COPIED, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE);
  private static final String WIRE_ONE =
      join("D51T D52AT D52BF", LOOKUP_WIRED, DEFAULT_TOP, ZERO_AT_THE_TOP, OWN, MAP_KEPT, ENTER_WIRED, SOFT, LEAVE,
          "D53F");

  /**
   * One way to take a path.
   *
   * @param path its name in vm-semantics 4.6
   * @param how what tells this way from the path's others; may be empty
   * @param all whether the decisions that the specification names for the path must all be among these
   * @param test the test that takes it
   * @param sequence the decisions
   * @param remark what a reader of the table should know; may be empty
   */
  record Row(String path, String how, boolean all, String test, String sequence, String remark) {
    String name() {
      return how.isEmpty() ? path : path + " " + how;
    }

    /** Returns the pattern of what {@code FaultGates.path} says of a thread that went this way. */
    Pattern pattern() {
      return Pattern.compile(sequence.replaceAll("(D\\w+)", "$1 ").replaceAll("\\s+", " ").replaceAll("\\( ?", "(?:")
          .replaceAll("(\\d+)\\*\\(\\?:([^)]*)\\) ?", "(?:$2){$1}").replaceAll("\\+\\(\\?:([^)]*)\\) ?", "(?:$1)+"));
    }

    /** A way that leads up to the path, or on from it. */
    Row beside() {
      return new Row(path, how, false, test, sequence, remark);
    }

    Row remark(String text) {
      return new Row(path, how, all, test, sequence, text);
    }
  }

  static final List<Row> ROWS =
      List.of(
          row("P1 read", "FaultPathTest.p01_residentAndOwned", P1),
          row("P1 write", "FaultPathTest.p01_residentAndOwned",
              LOOKUP, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE),
          row("P2 read from swap by another thread", "FaultPathRaceTest.p02_waitsForAPageThatIsReadFromSwap",
              LOOKUP, "D10T D11T D12AT D3F D1T D4F D13T D6F", P1),
          row("P2 under I/O of a buffer", "FaultPathRaceTest.p02_waitsForAPageThatABufferWrites",
              LOOKUP, "D10T D11T D12AF D12BT D3F D1T D4F D13T D6F", P1),
          row("P3", "FaultPathRaceTest.p03_completionWinsTheRace",
              LOOKUP, "D10T D11T D12AT D3F D1T D4F D13F D6F", P1),
          row("P4 brk, the frame is zeroed now", "FaultPathTest.p04_firstTouchOfBreakMemory",
              LOOKUP, DEFAULT_TOP, ZERO_AT_THE_TOP, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE),
          row("P4 brk, the frame was zeroed before", "FaultPathTest.p04_firstTouchOfBreakMemory",
              LOOKUP, DEFAULT_TOP, "D29T D30F D31F", OWN, MAP_KEPT, ENTER_FOR_READ, SOFT, LEAVE),
          row("P4 by the child of a fork", "FaultPathTest.p04_firstTouchAfterAForkOfUntouchedMemory",
              LOOKUP, DEFAULT_TOP, ZERO_AT_THE_TOP, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE),
          row("P5 n = 3", "FaultPathTest.p05_firstTouchThroughThreeLevels",
              LOOKUP, DEFAULT_TOP, DOWN_FROM_THE_TOP, DEFAULT_BELOW, DOWN_FROM_BELOW, DEFAULT_BELOW, ZERO_FROM_BELOW,
              OWN, MAP_KEPT, ENTER_FOR_READ, SOFT, LEAVE),
          row("P6 it has written before", "FaultPathTest.p06_childReadsItsParentsPage",
              LOOKUP, DEFAULT_TOP, DOWN_FROM_THE_TOP, RESIDENT, BELOW, MAP_KEPT, ENTER_READ_ONLY, SOFT,
              LEAVE_FROM_BELOW),
          row("P6 it has written nothing yet", "FaultPathTest.p06_childReadsItsParentsPage",
              LOOKUP, RESIDENT, OWN, MAP_KEPT, ENTER_READ_ONLY, SOFT, LEAVE).beside().remark(
                  "Not the path: until its first store the child's top object is its parent's, and the page is found "
                      + "there, as in P1; the lookup alone takes the right to write away"),
          row("P7", "FaultPathTest.p07_childWrites", COPY_TO_TOP)
              .remark("The collapse finds the backing object in use"),
          row("P8 the child's first store", "FaultPathTest.p08_childWritesAfterItsParentsExit", COPY_TO_TOP).remark(
              "No decision tells it from P7: the test looks at the object that is gone"),
          row("P8 the child had written before the exit", "FaultPathTest.p08_childThatHasAShadow_isMergedAtTheExit",
              LOOKUP, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE).beside().remark(
                  "Not the path: the parent's deallocation has merged the two already"),
          row("P9", "FaultPathTest.p09_pagedOutPrivatePage",
              LOOKUP, TO_THE_PAGER, PAGER_HAS_IT_ALONE, READ, OWN, MAP_AS_BEFORE, ENTER_FOR_READ, HARD, LEAVE),
          row("P10", "FaultPathTest.p10_swapTopWithoutData_pageBelow",
              LOOKUP, TO_THE_PAGER, PAGER_LACKS_IT, "D27F D28T", DOWN_FROM_THE_TOP, RESIDENT, BELOW,
              "D37T D38F D39AF D39BF D40T", ENTER_READ_ONLY, SOFT, LEAVE_FROM_BELOW),
          row("P11", "FaultPathTest.p11_fileReadWithNeighbours",
              LOOKUP_FILE, TO_THE_PAGER_FILE, "D60F D61F D62F D63F D64F D65T D66F 3*(D67T D68F D69F) D67F",
              "D70F 4*(D71T D72F) D71F D73T 3*(D74T D75T D76F) D74T D75F 4*(D74T D75T D76F) D74F D1T", READ, OWN,
              MAP_AS_BEFORE, ENTER_FOR_READ, HARD, LEAVE_FILE),
          row("P12", "FaultPathTest.p12_partOfAFilesPage",
              LOOKUP_FILE, "D10T D11T D12AF D12BF D14AF D15AT D15BT D20AT D20BT", PAGER_HAS_IT_ALONE, READ, OWN,
              MAP_AS_BEFORE, ENTER_FOR_READ, HARD, LEAVE_FILE),
          row("P13 shared mapping", "FaultPathTest.p13_holeOfAFile",
              LOOKUP_FILE, TO_THE_PAGER_FILE, PAGER_LACKS_IT, "D27F D28T", ZERO_AT_THE_TOP, OWN, MAP_AS_BEFORE,
              ENTER_FOR_READ, SOFT, LEAVE_FILE),
          row("P13 private mapping", "FaultPathTest.p13_holeOfAFile",
              LOOKUP_FILE, DEFAULT_TOP_FILE, DOWN_FROM_THE_TOP, TO_THE_PAGER_FILE, PAGER_LACKS_IT, "D27T D5F D28F",
              ZERO_FROM_BELOW, OWN, MAP_AS_BEFORE, ENTER_FOR_READ, SOFT, LEAVE_FILE),
          row("P14 shared mapping", "FaultPathTest.p14_beyondTheEndOfAFile",
              LOOKUP_FILE, "D10T D11F D16AT D17T D6F D3F D1T D4T"),
          row("P14 private mapping", "FaultPathTest.p14_beyondTheEndOfAFile",
              LOOKUP_FILE, DEFAULT_TOP_FILE, DOWN_FROM_THE_TOP, "D10T D11F D16AT D17T D6F D3T D5F D6F D1T D4T"),
          row("P15 user", "FaultPathTest.p15_diskErrorOfAUser",
              LOOKUP_FILE, TO_THE_PAGER_FILE, PAGER_HAS_IT_ALONE, "D21T D22F D24T D25AT D5F D6F D3F D1F D4T D26T"),
          row("P15 kernel", "FaultPathTest.p15_diskErrorInTheKernelsMap",
              LOOKUP_FILE, TO_THE_PAGER_FILE, PAGER_HAS_IT_ALONE, "D21T D22F D24T D25AF D25BF D27F D28T",
              ZERO_AT_THE_TOP, OWN, MAP_AS_BEFORE, ENTER_FOR_READ, SOFT, LEAVE_FILE),
          row("P16", "FaultPathRaceTest.p16_noMemory",
              "+(", LOOKUP, "D10T D11F D16AF D16BT D17F D18F D19T D6F D3F D1T D4F )",
              LOOKUP, DEFAULT_TOP, ZERO_AT_THE_TOP, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE).remark(
                  "Each pass of the page daemon wakes the waiters, and each tries again"),
          row("P17", "FaultPathRaceTest.p17_cachedPage_memoryTight",
              LOOKUP_FILE, "D10T D11T D12AF D12BF D14AT D14BT D6F D3F D1T D4T",
              LOOKUP_FILE, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_READ, SOFT, LEAVE_FILE).remark(
                  "The second attempt finds the page active, and needs no frame"),
          row("P18", "FaultPathRaceTest.p18_unmappedDuringPagein",
              LOOKUP, TO_THE_PAGER, PAGER_HAS_IT_ALONE, READ, OWN, "D37T D38T", ABANDON, "D1F D4F"),
          row("P19 another object", "FaultPathRaceTest.p19_anotherObjectMappedDuringPagein",
              LOOKUP, TO_THE_PAGER, PAGER_HAS_TWO, READ, OWN, "D37T D38F D39AT", ABANDON, "D1T D4F",
              LOOKUP, TO_THE_PAGER, PAGER_LACKS_IT, "D27F D28T", ZERO_AT_THE_TOP, OWN, MAP_AS_BEFORE, ENTER_FOR_READ,
              HARD, LEAVE)
              .remark("Counted as a fault that read (D48T), though what it entered was not read: as in 1995"),
          row("P19 same file, another offset", "FaultPathRaceTest.p19_anotherPartOfTheFileMappedDuringPagein",
              LOOKUP_FILE, TO_THE_PAGER_FILE, PAGER_HAS_TWO, READ, OWN, "D37T D38F D39AF D39BT", ABANDON, "D1T D4T",
              LOOKUP_FILE, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_READ, HARD, LEAVE_FILE).remark(
                  "The second page came with the first"),
          row("P20", "FaultPathRaceTest.p20_protectionLoweredDuringPagein",
              LOOKUP, TO_THE_PAGER, PAGER_HAS_TWO, READ, OWN, MAP_AS_BEFORE, ENTER_READ_ONLY, HARD, LEAVE).remark(
                  "SUCCESS; the store traps again, and is refused by the lookup (D7T)"),
          row("P21 two pages", "FaultPathRaceTest.p21_wire", WIRE_ONE, WIRE_ONE, "D51F").beside(),
          row("P21 unwire them", "FaultPathRaceTest.p21_wire", "D55T D56F D55T D56F D55F").beside(),
          row("P21 fails at the second", "FaultPathRaceTest.p21_wire_failsInTheMiddle",
              WIRE_ONE, "D51T D52AT D52BF", LOOKUP_WIRED, "D10T D11F D16AF D16BT D17T D6F D3F D1T D4F D53T D54T",
              "D55T D56F D55T D56T D55F").remark("Unwires both, as M is held for writing by then; the second has no "
                  + "mapping"),
          row("P22", "FaultPathTest.p22_devicePage",
              LOOKUP, TO_THE_PAGER, PAGER_HAS_IT_ALONE, READ, OWN, MAP_AS_BEFORE, ENTER_FOR_READ, HARD, LEAVE).remark(
                  "No decision tells it from P9: the test looks at the page, which is the device's"),
          row("P23 first to write", "FaultPathTest.p23_shareMap_bothSidesWrite", COPY_TO_TOP),
          row("P23 second to write", "FaultPathTest.p23_shareMap_bothSidesWrite",
              LOOKUP, RESIDENT, OWN, MAP_KEPT, ENTER_FOR_WRITE, SOFT, LEAVE).remark(
                  "Finds the first one's copy: the lookup made the shadow in the share map, for both"),
          row("P24 two pages", "FaultPathRaceTest.p24_forkOfWiredMemory", "2*(D57T D58F D59F D5F) D57F"),
          row("P24 no memory at first", "FaultPathRaceTest.p24_forkOfWiredMemory_waitsForMemory",
              "D57T D58T D58F D59F D5F D57F"),
          row("P25 read", "FaultPathTest.p25_firstTouchOfAnonymousMemory",
              LOOKUP, TO_THE_PAGER, PAGER_LACKS_IT, "D27F D28T", ZERO_AT_THE_TOP, OWN, MAP_AS_BEFORE, ENTER_FOR_READ,
              SOFT, LEAVE),
          row("P25 write", "FaultPathTest.p25_firstTouchOfAnonymousMemory",
              LOOKUP, TO_THE_PAGER, PAGER_LACKS_IT, "D27F D28T", ZERO_AT_THE_TOP, OWN, MAP_AS_BEFORE, ENTER_FOR_WRITE,
              SOFT, LEAVE));

  private PathTable() {}

  private static String join(String... pieces) {
    return String.join(" ", pieces);
  }

  private static Row row(String name, String test, String... pieces) {
    String[] words = name.split(" ", 2);
    return new Row(words[0], words.length == 1 ? "" : words[1], true, test, join(pieces), "");
  }

  /** Returns the row of that name. */
  static Row row(String name) {
    return ROWS.stream().filter(r -> r.name().equals(name)).findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no path: " + name));
  }

  /** Returns the names of the rows that a test is to take. */
  static Set<String> rowsOf(String test) {
    Set<String> names = new TreeSet<>();
    for (Row r : ROWS) {
      if (r.test.equals(test)) {
        names.add(r.name());
      }
    }
    return names;
  }
}
