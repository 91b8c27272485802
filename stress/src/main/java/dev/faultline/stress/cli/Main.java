package dev.faultline.stress.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

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
    subcommands = {
      RunCommand.class,
      SoakCommand.class,
      JcstressCommand.class,
      ExploreCommand.class,
      StressCommand.class,
      MatrixCommand.class,
      ScenariosCommand.class,
      BenchCommand.class,
      CommandLine.HelpCommand.class
    })
public final class Main implements Runnable {
  /** Exit status: the run ended as expected. */
  public static final int OK = 0;

  /** Exit status: a detector reported a finding. */
  public static final int FINDING = 1;

  /** Exit status: bad usage or bad input, and nothing was started. */
  public static final int USAGE = 2;

  /** The option that asks for JSON, of every command that has it. */
  static final String JSON = "--json";

  private static final int CAUSES_MAX = 8;
  // Made while there is room for them.
  private static final FileOutputStream STDERR = new FileOutputStream(FileDescriptor.err);
  private static final byte[] OUT_OF_HEAP = ("faultline: " + RunResult.OUT_OF_HEAP + "\n").getBytes(US_ASCII);

  @Spec private CommandSpec spec;

  Main() {}

  /** Runs the command line and exits with its status. */
  public static void main(String[] args) {
    int status;
    try {
      status = commandLine().setOut(new StandardOutput()).execute(args);
    } catch (Throwable e) { // what a full heap throws may be anything, such as the failure to link a call
      if (isHeapFull(e)) {
        halt();
      }
      throw e;
    }
    System.exit(status);
  }

  private static boolean isHeapFull(Throwable e) {
    Throwable t = e;
    for (int depth = 0; t != null && depth < CAUSES_MAX; depth++) {
      if (t instanceof OutOfMemoryError) {
        return true;
      }
      t = t.getCause();
    }
    Runtime r = Runtime.getRuntime();
    return e instanceof Error && r.maxMemory() - r.totalMemory() + r.freeMemory() < r.maxMemory() / 8;
  }

  /** Ends, with nothing that needs memory: what has filled the heap may still be growing. */
  private static void halt() {
    try {
      STDERR.write(OUT_OF_HEAP);
    } catch (IOException e) {
      assert e != null; // nobody can be told
    } finally {
      Runtime.getRuntime().halt(USAGE);
    }
  }

  /** The command line, ready to execute; for {@link #main} and for tests. */
  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Main());
    WholeNumber.register(line);
    return line
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false) // a file may be called @x
        .setParameterExceptionHandler(Main::refuse);
  }

  /** Bad usage and bad input get one line, and a document of their own where JSON was asked for. */
  static int refuse(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    String why = oneLine(command, e);
    if (List.of(args).contains(JSON)) {
      JsonOutput.refuse(command.getOut(), why);
    }
    PrintWriter err = command.getErr();
    err.println(command.getCommandSpec().qualifiedName() + ": " + why);
    err.flush();
    return USAGE;
  }

  private static String oneLine(CommandLine command, ParameterException e) {
    List<String> unmatched = e instanceof UnmatchedArgumentException ? ((UnmatchedArgumentException) e).getUnmatched()
        : List.of();
    if (command.getParent() == null && !unmatched.isEmpty() && !unmatched.get(0).startsWith("-")) {
      return "'" + unmatched.get(0) + "' is no command: " + commands(command);
    }
    return String.valueOf(e.getMessage()).replaceAll("\\R", " ");
  }

  private static String commands(CommandLine line) {
    return "expected one of " + String.join(", ", line.getSubcommands().keySet());
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing a command: " + commands(spec.commandLine()));
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
