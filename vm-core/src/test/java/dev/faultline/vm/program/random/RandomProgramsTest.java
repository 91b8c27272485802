package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.program.ProgramPrinter;
import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.program.reference.Reference;
import dev.faultline.vm.program.reference.ReferenceRun;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(value = 600, unit = TimeUnit.SECONDS)
class RandomProgramsTest {
  private static final int ORDERS = 4;

  static List<RandomOptions> options() {
    RandomOptions d = RandomOptions.DEFAULT;
    return List.of(d, d.portable(true), d.wired(true).truncated(true), d.sized(12, 100, 1500), d.sized(1, 8, 50),
        d.sized(3, 12, 100));
  }

  private static void assertOneRightAnswer(long seed, RandomOptions options) throws Exception {
    String text = RandomPrograms.generate(seed, options);
    try (VmProgram p = VmProgram.of(text)) {
      assertThat(p.processes()).hasSizeLessThanOrEqualTo(options.processes());
      ReferenceRun first = Reference.run(p);
      assertThat(first.stuck()).as("seed %d", seed).isEmpty();
      for (int order = 1; order <= ORDERS; order++) {
        assertThat(first.difference(String.join("\n", Reference.run(p, order).lines()))).as("seed %d", seed).isNull();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("options")
  void everyOrderOfTheProcesses_givesTheSameOutput(RandomOptions options) throws Exception {
    for (int seed = 0; seed < 12; seed++) {
      assertOneRightAnswer(seed, options);
    }
  }

  @ParameterizedTest
  @MethodSource("options")
  @Tag("slow")
  void everyOrderOfTheProcesses_givesTheSameOutput_overThousandsOfPrograms(RandomOptions options) throws Exception {
    for (int seed = 1000; seed < 1200; seed++) {
      assertOneRightAnswer(seed, options);
    }
  }

  /**
   * The generator takes a file that is written past its end for longer from there on, and stores up to the new end; if
   * the write were refused, that would be past the end, where nothing is kept for sure.
   */
  @Test
  void writesPastTheEndOfAFile_areNotRefused() throws Exception {
    RandomOptions options = RandomOptions.DEFAULT.sized(1, 48, 300).truncated(true).withFileCalls(true);
    int growing = 0;
    for (int seed = 0; seed < 200; seed++) {
      String text = RandomPrograms.generate(seed, options);
      List<String> output;
      try (VmProgram p = VmProgram.of(text)) {
        output = Reference.run(p).lines();
      }
      Map<String, Long> lengths = new HashMap<>();
      List<String> commands = text.lines().toList();
      for (int i = 0; i < commands.size(); i++) {
        String[] words = commands.get(i).split(" ", -1);
        if (words[0].equals("file") || words[0].equals("truncate")) {
          lengths.put(words[1], Long.decode(words[2]));
        } else if (words[0].equals("write")) {
          long end = Long.decode(words[2]) + Long.decode(words[4]);
          if (end > lengths.get(words[1]) && !words[4].equals("0")) {
            growing++;
            lengths.put(words[1], end);
            int line = i + 1;
            assertThat(output).as("seed %d", seed).noneMatch(o -> o.endsWith(" " + line + " write = EFAULT"));
          }
        }
      }
    }
    assertThat(growing).isGreaterThan(100);
  }

  @Test
  void theSameSeed_givesTheSameText_onEveryMachine() {
    CRC32 crc = new CRC32();
    for (RandomOptions o : options()) {
      for (int seed = 0; seed < 5; seed++) {
        String text = RandomPrograms.generate(seed, o);
        assertThat(RandomPrograms.generate(seed, o)).isEqualTo(text);
        crc.update(text.getBytes(StandardCharsets.US_ASCII));
      }
    }
    // Changes with the generator, and with nothing else.
    assertThat(crc.getValue()).isEqualTo(2602753206L);
  }

  @Test
  void programs_makeTheRoundTripThroughThePrinter() throws Exception {
    for (int seed = 0; seed < 50; seed++) {
      try (VmProgram p = VmProgram.of(RandomPrograms.generate(seed, RandomOptions.DEFAULT))) {
        String printed = ProgramPrinter.print(p);
        try (VmProgram again = VmProgram.of(printed)) {
          assertThat(ProgramPrinter.print(again)).isEqualTo(printed);
        }
      }
    }
  }

  @Test
  void programs_useTheWholeLanguage_butWhatTheOptionsLeaveOut() {
    StringBuilder all = new StringBuilder();
    StringBuilder portable = new StringBuilder();
    RandomOptions everything = new RandomOptions(8, 48, 600, false, true, true, true, true, true);
    for (int seed = 0; seed < 60; seed++) {
      all.append(RandomPrograms.generate(seed, everything));
      portable.append(RandomPrograms.generate(seed, RandomOptions.DEFAULT.portable(true)));
    }
    for (String word : List.of("mmap", "munmap", "mprotect", "minherit", "madvise", "mlock", "munlock", "msync",
        "mincore", "store", "load", "add", "fill", "sum", "touch", "fork", "vfork", "exec", "wait", "barrier",
        "sleep", "truncate", "exit", "image", "brk", "limit", "--- ", "private anon", "shared anon",
        "private file", "shared file", "share\n", "copy\n", "none\n")) {
      assertThat(all.toString().contains("\n" + word) || all.toString().contains(" " + word)).as(word).isTrue();
    }
    assertThat(portable.toString()).doesNotContain("minherit", "mlock", "munlock", "truncate", "mincore", "dontneed",
        " free\n", "--x ", "image", "brk", "limit");
  }

  @Test
  void impossibleOptions_areRefused() {
    assertThatThrownBy(() -> RandomOptions.DEFAULT.sized(0, 48, 300)).hasMessage("processes=0: expected 1 or more");
    assertThatThrownBy(() -> RandomOptions.DEFAULT.sized(1, 7, 300)).hasMessage("pages=7: expected 8 or more");
    assertThatThrownBy(() -> RandomOptions.DEFAULT.sized(1, 8, 0)).hasMessage("commands=0: expected 1 or more");
  }
}
