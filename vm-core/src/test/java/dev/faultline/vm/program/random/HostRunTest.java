package dev.faultline.vm.program.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.program.VmProgram;
import dev.faultline.vm.program.reference.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * The reference against the host's own kernel, by tools/host-run; where there is Linux and a C compiler. The slow test
 * runs {@code -Dfaultline.programs} programs.
 */
@Tag("host")
@EnabledIf("canCompile")
@Timeout(value = 1200, unit = TimeUnit.SECONDS)
class HostRunTest {
  private static final Path SOURCE = Path.of("../tools/host-run/host-run.c");
  private static final long PROGRAM_SECONDS_MAX = 60;
  private static final int PROGRAMS = Integer.getInteger("faultline.programs", 4000);

  @TempDir
  static Path directory;
  private static Path hostRun;

  static boolean canCompile() {
    if (!System.getProperty("os.name").equals("Linux") || !System.getProperty("os.arch").equals("amd64")) {
      return false;
    }
    try {
      return new ProcessBuilder("gcc", "--version").redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start().waitFor() == 0;
    } catch (IOException | InterruptedException e) {
      return false;
    }
  }

  @BeforeAll
  static void compile() throws Exception {
    hostRun = directory.resolve("host-run");
    Process gcc = new ProcessBuilder("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", hostRun.toString(),
        SOURCE.toString()).inheritIO().start();
    assertThat(gcc.waitFor()).isZero();
  }

  private static String output(Path program) throws Exception {
    Path out = directory.resolve("out");
    Process run = new ProcessBuilder(hostRun.toString(), program.toString()).redirectErrorStream(true)
        .redirectOutput(out.toFile()).start();
    try {
      assertThat(run.waitFor(PROGRAM_SECONDS_MAX, TimeUnit.SECONDS)).as("%s ends", program).isTrue();
    } finally {
      run.descendants().forEach(ProcessHandle::destroyForcibly);
      run.destroyForcibly();
    }
    return Files.readString(out);
  }

  private static void assertAgree(int from, int to) throws Exception {
    RandomOptions d = RandomOptions.DEFAULT.portable(true);
    List<RandomOptions> options = List.of(d, d.wired(true).truncated(true), d.sized(12, 100, 1200),
        d.sized(3, 12, 100), d.truncated(true).withFileCalls(true), d.sized(12, 100, 1200).withFileCalls(true));
    for (int seed = from; seed < to; seed++) {
      RandomOptions o = options.get(seed % options.size());
      Path program = directory.resolve("random.vm");
      Files.writeString(program, RandomPrograms.generate(seed, o));
      try (VmProgram p = VmProgram.open(program.toString())) {
        assertThat(Reference.run(p, seed).difference(output(program))).as("seed %d, %s", seed, o).isNull();
      }
    }
  }

  @Test
  void randomPrograms_printTheSame_onTheHost() throws Exception {
    assertAgree(0, 60);
  }

  @Test
  @Tag("slow")
  void thousandsOfRandomPrograms_printTheSame_onTheHost() throws Exception {
    assertAgree(10_000, 10_000 + PROGRAMS);
  }

  @Test
  void samples_printTheSame_onTheHost() throws Exception {
    try (var samples = Files.list(Path.of("../samples"))) {
      // In shared-counter the order of the adds is open, and with it what they print.
      for (Path sample : samples.filter(s -> s.toString().endsWith(".vm") && !s.endsWith("shared-counter.vm"))
          .sorted().toList()) {
        try (VmProgram p = VmProgram.open(sample.toString())) {
          assertThat(Reference.run(p).difference(output(sample))).as("%s", sample).isNull();
        }
      }
    }
  }
}
