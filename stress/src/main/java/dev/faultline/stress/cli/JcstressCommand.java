package dev.faultline.stress.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.infra.TestInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code faultline jcstress}: the litmus-size races, in jcstress's own JVMs, within a budget. */
@Command(
    name = "jcstress",
    description = {
      "Runs the jcstress tests in JVMs of their own, within a budget of time, and checks that each of them has run.",
      "Keeps jcstress's HTML report and its output."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class JcstressCommand implements Callable<Integer> {
  /*
   * Implementation overview
   *
   * The child is what java -jar jcstress.jar runs, with options that fit the budget (JcstressPlan), in the results
   * directory. Its exit status says little: 0.16 ends with 0 also when nothing matched, when nothing could be
   * scheduled, when no JVM configuration was usable, and when a test had no sample. So the tests asked for, from the
   * list in the jar, are compared with those in the result file, and the outcomes are graded here (JcstressResults).
   *
   * A run that uses up its budget is cut off; a test that has no samples then is not green.
   */
  private static final int SCHEMA = 1;
  private static final Pattern DURATION = Pattern.compile("(\\d+)(ms|s|m|h)?");
  private static final Pattern DONE = Pattern.compile(
      "\\(Results: (\\d+) planned; (\\d+) passed, (\\d+) failed, (\\d+) soft errs, (\\d+) hard errs\\)");
  private static final long ALLOWANCE_MILLIS = 2_000; // for reports
  private static final int PROBES = 15; // JVMs that jcstress starts before the first test, small ones
  private static final long START_MILLIS_MIN = 250;
  private static final String MAIN = "org.openjdk.jcstress.Main";
  private static final String JAR = "jcstress.jar";

  /** {@code 90s}, {@code 10m}; plain numbers are seconds. */
  static final class DurationText implements ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      Matcher m = DURATION.matcher(text);
      if (m.matches()) {
        try {
          long n = Long.parseLong(m.group(1));
          String unit = m.group(2) == null ? "s" : m.group(2);
          Duration d = unit.equals("ms") ? Duration.ofMillis(n) : unit.equals("s") ? Duration.ofSeconds(n)
              : unit.equals("m") ? Duration.ofMinutes(n) : Duration.ofHours(n);
          if (d.toMillis() > 0) {
            return d;
          }
        } catch (NumberFormatException | ArithmeticException e) {
          throw refused(text);
        }
      }
      throw refused(text);
    }

    private static TypeConversionException refused(String text) {
      return new TypeConversionException("must be a time above zero, such as 90s, 10m or 2h, but is " + text);
    }
  }

  @Option(names = "--budget", paramLabel = "TIME", defaultValue = "10m", converter = DurationText.class,
      description = "Time for all of it, such as 90s, 10m or 2h (${DEFAULT-VALUE}).")
  Duration budget = Duration.ofMinutes(10);

  @Option(names = "--tests", paramLabel = "REGEX", defaultValue = ".*",
      description = "The tests whose name this matches somewhere (all).")
  String tests = ".*";

  @Option(names = "--mode", paramLabel = "MODE", defaultValue = "quick",
      description = "sanity, quick, default or tough, as jcstress has them (${DEFAULT-VALUE}).")
  JcstressPlan.Mode mode = JcstressPlan.Mode.QUICK;

  @Option(names = "--one-jvm", description = "In one JVM configuration only: soon done, sees less.")
  boolean oneJvm;

  @Option(names = "--assertions", description = "Runs the tests with assertions on, which changes their timing.")
  boolean assertions;

  @Option(names = "--results", paramLabel = "DIR",
      description = "Where report and output go (results/jcstress/ and the time).")
  @Nullable Path results;

  @Option(names = "--json", description = "Prints JSON lines: one a test, and one for the run.")
  boolean json;

  @Spec private CommandSpec spec;

  /** The class path of the tests, if it is not that of the jar beside this one; for tests. */
  private final @Nullable String classPath;

  JcstressCommand() {
    this(null);
  }

  JcstressCommand(@Nullable String classPath) {
    this.classPath = classPath;
  }

  /** What is run: a jar's tests, or those of a class path. */
  private record Child(String classPath, List<String> arguments) {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    Child child = child();
    Map<String, TestInfo> asked = JcstressTests.matching(child.classPath(), regex());
    if (asked.isEmpty()) {
      throw new ParameterException(spec.commandLine(), "--tests " + tests + ": matches none of the tests");
    }
    if (asked.values().stream().anyMatch(t -> t.threads() > Runtime.getRuntime().availableProcessors())) {
      throw new ParameterException(
          spec.commandLine(), "needs as many processors as a test has actors, but there is "
          + Runtime.getRuntime().availableProcessors());
    }
    Path directory = directory();
    long began = System.nanoTime();
    long startMillis = Math.max(START_MILLIS_MIN, 2 * probeMillis(child));
    long left = budget.toMillis() - ALLOWANCE_MILLIS - PROBES * startMillis;
    JcstressPlan plan = JcstressPlan.fit(mode, asked.values(), oneJvm, left, startMillis);
    PrintWriter err = spec.commandLine().getErr();
    err.println("faultline jcstress: " + asked.size() + " tests, " + plan);
    err.flush();
    boolean cut = run(child, plan, directory, began + budget.toNanos());
    double seconds = (System.nanoTime() - began) / 1e9;
    List<JcstressResults.Test> outcome = JcstressResults.read(directory, asked);
    List<String> lines = jsonLines(outcome, plan, seconds, cut, directory);
    Files.write(directory.resolve("jcstress.jsonl"), lines);
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      lines.forEach(out::println);
    } else {
      print(out, outcome, seconds, cut, directory);
    }
    out.flush();
    return outcome.stream().allMatch(t -> t.verdict() == JcstressResults.Verdict.PASSED) ? Main.OK : Main.FINDING;
  }

  private Pattern regex() {
    try {
      return Pattern.compile(tests);
    } catch (PatternSyntaxException e) {
      throw new ParameterException(spec.commandLine(), "--tests " + tests + ": " + e.getDescription(), e);
    }
  }

  private Child child() {
    String path = classPath;
    if (path == null) {
      Path jar = here().resolveSibling(JAR);
      if (Files.isRegularFile(jar)) {
        return new Child(jar.toString(), List.of("-jar", jar.toString()));
      }
      path = System.getProperty("java.class.path");
    }
    return new Child(path, List.of("-cp", path, MAIN));
  }

  /** Returns the jar, or the directory, that this class is from. */
  private static Path here() {
    try {
      return Path.of(JcstressCommand.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private Path directory() throws IOException {
    Path d = results;
    if (d == null) {
      DateTimeFormatter stamp = DateTimeFormatter.ofPattern("yyyy-MM-dd-HH-mm-ss", Locale.ROOT);
      d = Path.of("results", "jcstress", LocalDateTime.now().format(stamp));
    } else if (Files.exists(d)) {
      try (var files = Files.list(d)) {
        if (files.findAny().isPresent()) {
          throw new ParameterException(spec.commandLine(), "--results " + d + ": must be a new or empty directory");
        }
      } catch (java.nio.file.NotDirectoryException e) {
        throw new ParameterException(spec.commandLine(), "--results " + d + ": must be a new or empty directory", e);
      }
    }
    return Files.createDirectories(d.toAbsolutePath());
  }

  private List<String> command(Child child, List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(child.arguments());
    command.addAll(options);
    return command;
  }

  /** Returns what it takes here and now to start a JVM and have it do next to nothing. */
  private long probeMillis(Child child) throws IOException, InterruptedException {
    long began = System.nanoTime();
    Process p = new ProcessBuilder(command(child, List.of("-l", "-t", "none of them")))
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
    p.waitFor();
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
  }

  /** Runs jcstress to its end, or to the deadline. Returns whether it was cut off. */
  private boolean run(Child child, JcstressPlan plan, Path directory, long deadline)
      throws IOException, InterruptedException {
    List<String> options = new ArrayList<>(List.of("-t", tests, "-r", directory + File.separator));
    options.addAll(plan.options());
    if (assertions) {
      options.addAll(List.of("-jvmArgsPrepend", "-ea"));
    }
    Process p = new ProcessBuilder(command(child, options))
        .directory(directory.toFile())
        .redirectErrorStream(true)
        .start();
    try (Interrupt interrupt = new Interrupt(() -> end(p))) {
      Thread reader = new Thread(() -> follow(p, directory), "jcstress-output");
      reader.setDaemon(true);
      reader.start();
      boolean ended = p.waitFor(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
      if (!ended) {
        end(p);
        p.waitFor();
      }
      reader.join();
      return !ended || interrupt.came();
    }
  }

  private static void end(Process p) {
    List<ProcessHandle> forks = p.descendants().toList();
    p.destroy();
    forks.forEach(ProcessHandle::destroyForcibly);
  }

  /** Keeps what jcstress prints, and shows how far it is. */
  private void follow(Process p, Path directory) {
    Progress progress = new Progress(spec.commandLine().getErr(), Terminal.isStandardError());
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(p.getInputStream(), StandardCharsets.UTF_8));
        PrintWriter log = new PrintWriter(Files.newBufferedWriter(directory.resolve("console.txt")))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        log.println(line);
        Matcher m = DONE.matcher(line);
        if (m.find()) {
          progress.show("jcstress: " + m.group(2) + " of " + m.group(1) + " JVMs passed, " + m.group(3) + " failed");
        }
      }
    } catch (IOException e) {
      System.err.println("faultline jcstress: output lost: " + e);
    } finally {
      progress.clear();
    }
  }

  // ------------------------------------------------------------------------------------------------------- reports

  private static long samples(List<JcstressResults.Test> outcome) {
    return outcome.stream().mapToLong(JcstressResults.Test::samples).sum();
  }

  private static long count(List<JcstressResults.Test> outcome, JcstressResults.Verdict v) {
    return outcome.stream().filter(t -> t.verdict() == v).count();
  }

  private static void print(
      PrintWriter out, List<JcstressResults.Test> outcome, double seconds, boolean cut, Path directory) {
    for (JcstressResults.Test t : outcome) {
      String note = switch (t.verdict()) {
        case PASSED -> t.isInteresting() ? "interesting" : "ok";
        case FORBIDDEN -> "FORBIDDEN";
        case ERROR -> "ERROR";
        case NO_SAMPLES -> "NO SAMPLES";
      };
      out.printf(Locale.ROOT, "%-11s %,12d  %s%n", note, t.samples(), shortName(t.name()));
      for (JcstressResults.Outcome o : t.outcomes()) {
        switch (o.expect()) {
          case FORBIDDEN, UNKNOWN, ACCEPTABLE_INTERESTING ->
              out.printf(Locale.ROOT, "%-11s %,12d    [%s] %s%n", "", o.samples(), o.id(), o.meaning());
          default -> {}
        }
      }
      t.messages().forEach(m -> out.println(" ".repeat(26) + m));
    }
    long samples = samples(outcome);
    out.printf(Locale.ROOT, "%d tests, %,d samples in %.1f s: %,.0f samples/s%n", outcome.size(), samples, seconds,
        samples / seconds);
    out.printf(
        "%d passed, of which %d showed what they are there to show; %d forbidden, %d errors, %d without samples%s%n",
        count(outcome, JcstressResults.Verdict.PASSED),
        outcome.stream().filter(t -> t.verdict() == JcstressResults.Verdict.PASSED && t.isInteresting()).count(),
        count(outcome, JcstressResults.Verdict.FORBIDDEN),
        count(outcome, JcstressResults.Verdict.ERROR),
        count(outcome, JcstressResults.Verdict.NO_SAMPLES),
        cut ? " (cut off)" : "");
    out.println("report: " + directory.resolve("index.html"));
  }

  private static String shortName(String name) {
    int package_ = name.indexOf(".jcstress.");
    return package_ < 0 ? name : name.substring(package_ + ".jcstress.".length());
  }

  private static List<String> jsonLines(
      List<JcstressResults.Test> outcome, JcstressPlan plan, double seconds, boolean cut, Path directory)
      throws JsonProcessingException {
    ObjectMapper mapper = new ObjectMapper();
    List<String> lines = new ArrayList<>();
    for (JcstressResults.Test t : outcome) {
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("schema", SCHEMA);
      m.put("type", "test");
      m.put("test", t.name());
      m.put("verdict", t.verdict().name().toLowerCase(Locale.ROOT));
      m.put("jvms", t.jvms());
      m.put("samples", t.samples());
      List<Map<String, Object>> states = new ArrayList<>();
      for (JcstressResults.Outcome o : t.outcomes()) {
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("outcome", o.id());
        s.put("expect", o.expect().name().toLowerCase(Locale.ROOT));
        s.put("samples", o.samples());
        s.put("meaning", o.meaning());
        states.add(s);
      }
      m.put("outcomes", states);
      if (!t.messages().isEmpty()) {
        m.put("messages", t.messages());
      }
      lines.add(mapper.writeValueAsString(m));
    }
    Map<String, Object> run = new LinkedHashMap<>();
    run.put("schema", SCHEMA);
    run.put("type", "verdict");
    run.put("plan", plan.toString());
    run.put("java", Runtime.version().toString());
    run.put("tests", outcome.size());
    for (JcstressResults.Verdict v : JcstressResults.Verdict.values()) {
      run.put(v.name().toLowerCase(Locale.ROOT), count(outcome, v));
    }
    run.put("cut_off", cut);
    run.put("seconds", seconds);
    run.put("samples", samples(outcome));
    run.put("samples_per_second", samples(outcome) / seconds);
    run.put("report", directory.resolve("index.html").toString());
    lines.add(mapper.writeValueAsString(run));
    return lines;
  }
}
