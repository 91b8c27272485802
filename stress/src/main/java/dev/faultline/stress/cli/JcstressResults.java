package dev.faultline.stress.cli;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.infra.StateCase;
import org.openjdk.jcstress.infra.Status;
import org.openjdk.jcstress.infra.TestInfo;
import org.openjdk.jcstress.infra.collectors.DiskReadCollector;
import org.openjdk.jcstress.infra.collectors.InProcessCollector;
import org.openjdk.jcstress.infra.collectors.TestResult;

/**
 * What became of the tests that were asked for, from jcstress's result file: all JVM configurations of a test together,
 * graded by the test's own outcomes.
 */
final class JcstressResults {
  /** What a test came to. */
  enum Verdict {
    /** Only acceptable outcomes. */
    PASSED,
    /** A forbidden outcome was seen. */
    FORBIDDEN,
    /** A JVM died, an actor threw, or it did not end. */
    ERROR,
    /** Nothing is known: it has no samples. */
    NO_SAMPLES
  }

  /**
   * One outcome of a test.
   *
   * @param id as the test prints it
   * @param expect how the test grades it
   * @param meaning in the test's words
   */
  record Outcome(String id, Expect expect, String meaning, long samples) {}

  /**
   * One test.
   *
   * @param jvms results of how many JVMs there are
   * @param outcomes those seen, by id
   * @param messages what went wrong, where something did
   */
  record Test(String name, Verdict verdict, int jvms, long samples, List<Outcome> outcomes, List<String> messages) {
    /** Returns whether an outcome was seen that the test calls interesting. */
    boolean isInteresting() {
      return outcomes.stream().anyMatch(o -> o.expect() == Expect.ACCEPTABLE_INTERESTING);
    }
  }

  private static final int MESSAGES = 12; // lines of what went wrong

  private JcstressResults() {}

  /**
   * Reads the results in a directory that jcstress has run in.
   *
   * @param asked all tests that should have some
   * @return one for each of them, in their order
   */
  static List<Test> read(Path directory, Map<String, TestInfo> asked) throws IOException {
    InProcessCollector results = new InProcessCollector();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "jcstress-results-*.bin.gz")) {
      for (Path file : files) {
        load(file, results);
      }
    }
    Map<String, List<TestResult>> byName = new TreeMap<>();
    for (TestResult r : results.getTestResults()) {
      byName.computeIfAbsent(r.getName(), n -> new ArrayList<>()).add(r);
    }
    List<Test> tests = new ArrayList<>();
    for (TestInfo t : asked.values()) {
      tests.add(grade(t, byName.getOrDefault(t.name(), List.of())));
    }
    return tests;
  }

  private static void load(Path file, InProcessCollector into) throws IOException {
    DiskReadCollector reader;
    try {
      reader = new DiskReadCollector(file.toString(), into);
    } catch (java.io.EOFException e) {
      return; // cut off before the first result
    }
    try {
      reader.dump(); // ends without complaint where a run was cut off
    } catch (ClassNotFoundException e) {
      throw new IOException(file + ": not a result file of this version of jcstress", e);
    } finally {
      reader.close();
    }
  }

  /** Puts the results of one test together. */
  static Test grade(TestInfo test, Collection<TestResult> results) {
    Map<String, Long> counts = new TreeMap<>();
    List<String> messages = new ArrayList<>();
    Set<Status> errors = EnumSet.noneOf(Status.class);
    for (TestResult r : results) {
      for (String state : r.getStateKeys()) {
        counts.merge(state, r.getCount(state), Long::sum);
      }
      if (r.status() != Status.NORMAL) {
        errors.add(r.status());
        messages.add(r.status() + ": " + String.join(" / ", r.getMessages()));
        messages.addAll(r.getVmErr());
      }
    }
    List<Outcome> outcomes = new ArrayList<>();
    long samples = 0;
    boolean forbidden = false;
    for (Map.Entry<String, Long> e : counts.entrySet()) {
      StateCase c = caseOf(test, e.getKey());
      outcomes.add(new Outcome(e.getKey(), c.expect(), c.description(), e.getValue()));
      samples += e.getValue();
      forbidden |= c.expect() == Expect.FORBIDDEN || c.expect() == Expect.UNKNOWN;
    }
    Verdict v = forbidden ? Verdict.FORBIDDEN : !errors.isEmpty() ? Verdict.ERROR
        : samples == 0 ? Verdict.NO_SAMPLES : Verdict.PASSED;
    return new Test(test.name(), v, results.size(), samples, outcomes,
        List.copyOf(messages.subList(0, Math.min(MESSAGES, messages.size()))));
  }

  /** The case that a result falls under: the one that spells it, else the first whose pattern matches. */
  private static StateCase caseOf(TestInfo test, String state) {
    @Nullable StateCase found = null;
    for (StateCase c : test.cases()) {
      if (c.matchesExactly(state)) {
        return c;
      }
      if (found == null && c.matches(state)) {
        found = c;
      }
    }
    return found == null ? test.unmatched() : found;
  }
}
