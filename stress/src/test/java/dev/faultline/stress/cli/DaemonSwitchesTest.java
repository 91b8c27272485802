package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.DaemonOptions;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

@Timeout(60)
final class DaemonSwitchesTest {
  private static MachineOptions parsed(String options) {
    RunCommand run = new RunCommand();
    new CommandLine(run).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(("any.vm " + options).trim().split(" +"));
    return run.machine;
  }

  static Stream<Arguments> options() {
    DaemonOptions usual = DaemonOptions.DEFAULT;
    return Stream.of(
        Arguments.of("", usual),
        Arguments.of("--no-vm-daemon", usual.withVmDaemon(false)),
        Arguments.of("--swap-out-after 3", usual.withSwapSleepTicks(3)),
        Arguments.of("--u-area 2", usual.withUPages(2)),
        Arguments.of("--resident-pages 9", usual.withResidentPages(9)),
        Arguments.of("--zero-idle", usual.withZeroIdle(true)),
        Arguments.of("--sync-every 20", usual.withSyncTicks(20)),
        Arguments.of("--swap-out-after 0 --u-area 1 --resident-pages 0 --zero-idle --sync-every 1",
            new DaemonOptions(true, 1, 0, 0, true, 1)));
  }

  @ParameterizedTest(name = "[{0}]")
  @MethodSource("options")
  void theKernelBootsWithThem_andTheCommandThatRunsItAgainHasThem(String options, DaemonOptions expected) {
    MachineOptions machine = parsed(options);
    assertThat(machine.kernel(0, 0, 0).build().daemons()).isEqualTo(expected);
    assertThat(machine.daemons.commandLine().trim()).isEqualTo(options);
    assertThat(parsed(machine.commandLine(7)).kernel(0, 0, 7).build()).isEqualTo(machine.kernel(0, 0, 7).build());
  }

  @Test
  void aRunHasThem(@TempDir Path dir) throws Exception {
    Path program = dir.resolve("p.vm");
    Files.write(program, List.of("vmprogram 1", "process 1", "mmap 0x10000 0x1000 rw- private anon", "add 0x10000 5"));
    Path trace = dir.resolve("t.txt");
    StringWriter out = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(new StringWriter(), true));
    assertThat(line.execute("run", program.toString(), "--frames", "64", "--swap", "1M", "--u-area", "2",
        "--zero-idle", "--trace", trace.toString())).isEqualTo(Main.OK);
    assertThat(out.toString()).contains("1 4 add = 0x0");
    assertThat(Files.readString(trace)).contains("--u-area 2 --zero-idle --seed 0");
  }
}
