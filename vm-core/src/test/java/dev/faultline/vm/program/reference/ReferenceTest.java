package dev.faultline.vm.program.reference;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.program.FileContent;
import dev.faultline.vm.program.VmProgram;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference against answers worked out by hand. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ReferenceTest {
  /** A file of 4100 bytes, seed 7; a shared barrier of two. */
  private static final String DECLARATIONS = "vmprogram 1\nfile f 4100 7\nbarrier b 2\n";

  private static ReferenceRun run(String sections) throws Exception {
    try (VmProgram p = VmProgram.of(DECLARATIONS + sections)) {
      ReferenceRun inTurn = Reference.run(p);
      for (int order = 1; order <= 5; order++) {
        assertThat(inTurn.difference(String.join("\n", Reference.run(p, order).lines()))).isNull();
      }
      return inTurn;
    }
  }

  /** Runs processes and returns what they print, without pids and line numbers, process 1 first. */
  private static List<String> results(String sections) throws Exception {
    ReferenceRun run = run(sections);
    assertThat(run.stuck()).isEmpty();
    return run.lines().stream()
        .sorted((a, b) -> a.substring(0, a.indexOf(' ')).compareTo(b.substring(0, b.indexOf(' '))))
        .map(line -> line.split(" ", 3)[2]).toList();
  }

  private static String word(long offset) {
    return "0x" + Long.toHexString(FileContent.word(7, 4100, offset));
  }

  @Test
  void lineNumbersAndPids_areThoseOfTheText() throws Exception {
    assertThat(run("process 17\n\nload 0x1000 # nothing there\n").lines()).containsExactly("17 6 load = SIGSEGV");
  }

  @Test
  void word_isSplitMix64OfSeedPlusOffset_cutOffAtTheEnd() {
    assertThat(FileContent.mix64(1)).isEqualTo(0x5692161d100b05e5L);
    assertThat(FileContent.word(7, 4100, 8)).isEqualTo(FileContent.mix64(15));
    assertThat(FileContent.word(7, 4100, 4096)).isEqualTo(FileContent.mix64(7 + 4096) & 0xffffffffL);
    assertThat(FileContent.word(7, 4100, 4104)).isZero();
  }

  @Nested
  class Accesses {
    @Test
    void anonymousMemory_isZeroAndKeepsWhatIsStored() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x2000 rw- private anon
          load 0x1ff8
          store 0x1ff8 5
          add 0x1ff8 0xffffffffffffffff
          load 0x1ff8
          fill 0x1ff0 24 0xfffffffffffffffe
          sum 0x1fe8 48
          load 0x2000
          """)).containsExactly("load = 0x0", "add = 0x5", "load = 0x4", "sum = 0xfffffffffffffffd", "load = 0x0");
    }

    @Test
    void rangeThatIsRefusedMidway_hasDoneTheWordsBefore() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          fill 0x1ff0 24 7
          load 0x1ff0
          load 0x1ff8
          sum 0x1ff0 24
          """)).containsExactly("fill = SIGSEGV", "load = 0x7", "load = 0x8", "sum = SIGSEGV");
    }

    @ParameterizedTest
    @CsvSource({"---,SIGBUS,SIGBUS,SIGBUS", "r--,0x0,SIGBUS,0x0", "-w-,0x0,0x0,0x0", "rw-,0x0,0x0,0x0",
        "--x,0x0,SIGBUS,0x0",
      "r-x,0x0,SIGBUS,0x0", "rwx,0x0,0x0,0x0"})
    void anyProtection_readsAndExecutes_onI386(String prot, String load, String add, String execute) throws Exception {
      List<String> results = results("process 1\nmmap 0x1000 1 " + prot + " private anon\nload 0x1000\nadd 0x1000 0\n"
          + "touch x 0x1fff\n");
      assertThat(results.subList(0, 2)).containsExactly("load = " + load, "add = " + add);
      assertThat(results.subList(2, results.size())).isEqualTo(
          execute.equals("0x0") ? List.of() : List.of("touch = SIGBUS"));
    }

    @Test
    void touch_leavesTheContent_andPrintsOnlyRefusals() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 1 rw- private file f 0
          touch w 0x1003
          touch r 0x1000
          touch x 0x1000
          load 0x1000
          touch w 0x3000
          """)).containsExactly("load = " + word(0), "touch = SIGSEGV");
    }
  }

  @Nested
  class Files {
    @ParameterizedTest
    @ValueSource(strings = {"private", "shared"})
    void endInAPage_whoseRestIsZero_andNothingIsBeyond(String sharing) throws Exception {
      assertThat(results("process 1\nmmap 0x10000 0x4000 rw- " + sharing + " file f 0\n" + """
          load 0x10008
          load 0x11000
          load 0x11008
          load 0x11ff8
          load 0x12000
          store 0x12000 1
          sum 0x11ff8 16
          """)).containsExactly(
              "load = " + word(8), "load = " + word(4096), "load = 0x0", "load = 0x0", "load = SIGBUS",
          "store = SIGBUS", "sum = SIGBUS");
    }

    @Test
    void sharedMappings_showTheSameBytes_privateOnesTheirOwnOnceStoredTo() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x10000 0x1000 rw- shared file f 0
          mmap 0x20000 0x1000 r-- shared file f 0
          mmap 0x30000 0x1000 rw- private file f 0
          store 0x30000 1
          store 0x10000 2
          store 0x10008 3
          load 0x20000
          load 0x30000
          load 0x30008
          """)).containsExactly("load = 0x2", "load = 0x1", "load = " + word(8));
    }

    @Test
    void truncated_loseWhatIsCutOff_forGood() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x10000 0x3000 rw- shared file f 0
          store 0x11000 5
          truncate f 12
          load 0x10000
          load 0x10008
          load 0x10010
          load 0x11000
          truncate f 8192
          load 0x10000
          load 0x10008
          load 0x11000
          load 0x12000
          """)).containsExactly(
              "load = " + word(0), "load = 0x" + Long.toHexString(FileContent.word(7, 4100, 8) & 0xffffffffL),
          "load = 0x0", "load = SIGBUS", "load = " + word(0),
          "load = 0x" + Long.toHexString(FileContent.word(7, 4100, 8) & 0xffffffffL), "load = 0x0", "load = SIGBUS");
    }
  }

  @Nested
  class Ranges {
    @Test
    void mmapOverAMapping_replacesItsPagesOnly() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x3000 rw- private anon
          fill 0x1000 0x3000 1
          mmap 0x2000 1 r-- private anon
          load 0x1ff8
          load 0x2000
          load 0x3000
          store 0x2000 1
          """)).containsExactly("load = 0x200", "load = 0x0", "load = 0x401", "store = SIGBUS");
    }

    @Test
    void breakSetToWhereItIs_leavesAMappingAcrossIt() throws Exception {
      assertThat(results("""
          process 1
          image 0x40000000 0x60000000
          brk 0x40002000
          mmap 0x40001000 0x2000 rw- private anon
          brk 0x40002000
          brk 0x40004000
          store 0x40002000 7
          load 0x40002000
          """)).containsExactly("brk = ENOMEM", "load = 0x7");
    }

    @Test
    void munmapOverHoles_isFine() throws Exception {
      assertThat(results("""
          process 1
          munmap 0x1000 0x5000
          mmap 0x1000 0x1000 rw- private anon
          mmap 0x3000 0x1000 rw- private anon
          store 0x3ff8 9
          munmap 0x0 0x2001
          load 0x1000
          load 0x3ff8
          """)).containsExactly("load = SIGSEGV", "load = 0x9");
    }

    @Test
    void mprotectOverHoles_skipsThem() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          mmap 0x3000 0x1000 rw- private anon
          mprotect 0x0 0x10000 r--
          store 0x1000 1
          store 0x2000 1
          store 0x3000 1
          mprotect 0x3000 1 rw-
          store 0x3000 4
          load 0x3000
          """)).containsExactly("store = SIGBUS", "store = SIGSEGV", "store = SIGBUS", "load = 0x4");
    }

    @Test
    void callsThatNeedTheWholeRange_sayWhatIsWrong() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          mmap 0x2000 0x1000 r-- private anon
          msync 0x1000 0x2000
          msync 0x1000 0x2001
          mlock 0x1000 0x2000
          mlock 0x1000 0x1000
          munlock 0x1000 0x2000
          munlock 0x1000 0x1000
          munlock 0x1000 0x1000
          mlock 0x3000 1
          madvise 0x0 0x10000 dontneed
          mincore 0x0 0x4000
          """)).containsExactly(
              "msync = EINVAL", "mlock = ENOMEM", "munlock = ENOMEM", "munlock = ENOMEM", "mlock = ENOMEM",
          "mincore = 0??0");
    }
  }

  @Nested
  class Processes {
    @Test
    void fork_copiesPrivateMemory_andSharesShared() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          mmap 0x2000 0x1000 rw- shared anon
          mmap 0x3000 0x1000 rw- shared file f 0
          store 0x1000 1
          store 0x2000 1
          store 0x3000 1
          fork 2
          barrier b
          load 0x1000
          load 0x2000
          load 0x3000
          process 2
          add 0x1000 10
          add 0x2000 10
          add 0x3000 10
          barrier b
          """)).containsExactly("load = 0x1", "load = 0xb", "load = 0xb", "add = 0x1", "add = 0x1", "add = 0x1");
    }

    @Test
    void minherit_decidesWhatForkDoes() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x3000 rw- private anon
          mmap 0x4000 0x1000 rw- shared anon
          minherit 0x2000 0x1000 share
          minherit 0x3000 0x2000 none
          fork 2
          wait 2
          load 0x1000
          load 0x2000
          load 0x3000
          load 0x4000
          process 2
          store 0x1000 2
          store 0x2000 2
          store 0x3000 2
          store 0x4000 2
          """)).containsExactly(
              "load = 0x0", "load = 0x2", "load = 0x0", "load = 0x0", "store = SIGSEGV", "store = SIGSEGV");
    }

    @Test
    void whatIsSharedByInheritance_isSharedWithGrandchildren_orCopied() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x2000 rw- private anon
          minherit 0x1000 0x2000 share
          fork 2
          wait 2
          load 0x1000
          load 0x2000
          process 2
          minherit 0x2000 0x1000 copy
          store 0x2000 1
          fork 3
          wait 3
          load 0x2000
          process 3
          store 0x1000 3
          add 0x2000 3
          """)).containsExactly("load = 0x3", "load = 0x1", "load = 0x1", "add = 0x1");
    }

    @Test
    void vfork_borrowsTheAddressSpace_untilExec() throws Exception {
      assertThat(results("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          vfork 2
          load 0x1000
          load 0x5000
          wait 2
          process 2
          store 0x1000 7
          mmap 0x5000 0x1000 rw- private anon
          store 0x5000 8
          exec
          load 0x1000
          mmap 0x1000 0x1000 rw- private anon
          load 0x1000
          """)).containsExactly("load = 0x7", "load = 0x8", "load = SIGSEGV", "load = 0x0");
    }

    @Test
    void processesThatNeverEnd_areNamed() throws Exception {
      // Four arrivals at a barrier of two: it takes the first process to meet the second one first.
      try (VmProgram p = VmProgram.of("""
          vmprogram 1
          barrier b 2
          process 1
          fork 2
          fork 3
          barrier b
          wait 2
          barrier b
          process 2
          barrier b
          process 3
          barrier b
          """)) {
        int stuck = 0;
        for (int order = 1; order <= 50; order++) {
          ReferenceRun run = Reference.run(p, order);
          if (!run.stuck().isEmpty()) {
            assertThat(run.stuck()).isIn(List.of("1 7 wait", "2 10 barrier"), List.of("1 6 barrier"));
            stuck++;
          }
        }
        assertThat(stuck).isBetween(1, 49);
      }
    }
  }

  @Nested
  class Comparison {
    private ReferenceRun run() throws Exception {
      return ReferenceTest.run("""
          process 1
          mmap 0x1000 0x1000 rw- private anon
          fork 2
          load 0x1000
          mincore 0x0 0x2000
          process 2
          load 0x0
          """);
    }

    @Test
    void takesProcessesInAnyOrder_andAnyResidence() throws Exception {
      assertThat(run().difference("2 10 load = SIGSEGV\n1 7 load = 0x0\n1 8 mincore = 01\n")).isNull();
      assertThat(run().difference("1 7 load = 0x0\n1 8 mincore = 00\n2 10 load = SIGSEGV\n")).isNull();
    }

    @Test
    void tellsTheFirstDifference() throws Exception {
      assertThat(run().difference("2 10 load = SIGBUS\n1 7 load = 0x0\n1 8 mincore = 01\n"))
          .isEqualTo("expected '2 10 load = SIGSEGV' but got '2 10 load = SIGBUS'");
      assertThat(run().difference("2 10 load = SIGSEGV\n1 7 load = 0x0\n1 8 mincore = 11\n"))
          .isEqualTo("expected '1 8 mincore = 0?' but got '1 8 mincore = 11'");
      assertThat(run().difference("1 7 load = 0x0\n1 8 mincore = 01\n"))
          .isEqualTo("expected '2 10 load = SIGSEGV' but got 'nothing more'");
      assertThat(run().difference("3 7 load = 0x0\n")).isEqualTo("no process of the program prints '3 7 load = 0x0'");
    }
  }
}
