package dev.faultline.stress.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The {@code faultline} command. Subcommands are classes of their own, listed in {@link Command#subcommands()}.
 *
 * <p>Exit status: {@value #OK} as expected, {@value #FINDING} a finding, {@value #USAGE} bad usage or input.
 */
@Command(
    name = "faultline",
    description = "Runs, breaks and explains a concurrent model of a Mach/BSD kernel's virtual memory.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = {RunCommand.class, SoakCommand.class, BenchCommand.class})
public final class Main implements Runnable {
  /** Exit status: the run ended as expected. */
  public static final int OK = 0;

  /** Exit status: a detector reported a finding. */
  public static final int FINDING = 1;

  /** Exit status: bad usage or bad input, and nothing was started. */
  public static final int USAGE = 2;

  @Spec private CommandSpec spec;

  Main() {}

  /** Runs the command line and exits with its status. */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The command line, ready to execute; for {@link #main} and for tests. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(Main::refuse);
  }

  /** Bad usage and bad input get one line. */
  private static int refuse(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    PrintWriter err = command.getErr();
    err.println(command.getCommandSpec().qualifiedName() + ": " + String.valueOf(e.getMessage()).replace('\n', ' '));
    err.flush();
    return USAGE;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing a command");
  }

  /** Says which version this is and what runs it: the first things to know about a result. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "faultline " + (version == null ? "(development)" : version),
        "Java " + Runtime.version() + ", " + System.getProperty("java.vm.name"),
        System.getProperty("os.name") + " " + System.getProperty("os.arch") + ", "
            + Runtime.getRuntime().availableProcessors() + " processors"
      };
    }
  }
}
