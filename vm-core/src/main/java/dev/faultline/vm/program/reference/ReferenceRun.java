package dev.faultline.vm.program.reference;

import dev.faultline.vm.program.VmProgram;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a program prints according to {@link Reference}. */
public final class ReferenceRun {
  private final List<String> lines;
  private final List<List<String>> perProcess;
  private final List<String> stuck;
  private final Map<String, Integer> pids = new HashMap<>();

  ReferenceRun(VmProgram program, List<String> lines, List<List<String>> perProcess, List<String> stuck) {
    this.lines = List.copyOf(lines);
    this.perProcess = List.copyOf(perProcess);
    this.stuck = List.copyOf(stuck);
    for (int i = 0; i < perProcess.size(); i++) {
      pids.put(Long.toUnsignedString(program.processes().get(i).pid()), i);
    }
  }

  /** Returns all lines, in the order in which they were printed. */
  public List<String> lines() {
    return lines;
  }

  /** Returns the lines of one process, by its index in {@link VmProgram#processes()}. */
  public List<String> lines(int process) {
    return perProcess.get(process);
  }

  /** Returns the processes that never end and where each waits, as {@code pid line command}; empty if all end. */
  public List<String> stuck() {
    return stuck;
  }

  /**
   * Compares with what some other run of the program printed, process by process, since only within one are lines in
   * order.
   *
   * @return null if they agree; else the first difference of the first process that has one, in one line
   */
  public @Nullable String difference(String output) {
    List<List<String>> actual = new ArrayList<>();
    perProcess.forEach(p -> actual.add(new ArrayList<>()));
    for (String line : output.lines().toList()) {
      int blank = line.indexOf(' ');
      Integer process = pids.get(blank < 0 ? line : line.substring(0, blank));
      if (process == null) {
        return "no process of the program prints '" + line + "'";
      }
      actual.get(process).add(line);
    }
    for (int p = 0; p < perProcess.size(); p++) {
      String difference = difference(perProcess.get(p), actual.get(p));
      if (difference != null) {
        return difference;
      }
    }
    return null;
  }

  private static @Nullable String difference(List<String> expected, List<String> actual) {
    for (int i = 0; i < expected.size() || i < actual.size(); i++) {
      String e = i < expected.size() ? expected.get(i) : "nothing more";
      String a = i < actual.size() ? actual.get(i) : "nothing more";
      if (!agree(e, a)) {
        return "expected '" + e + "' but got '" + a + "'";
      }
    }
    return null;
  }

  /** Compares two lines; a {@code ?} is either digit. */
  private static boolean agree(String expected, String actual) {
    if (expected.indexOf('?') < 0) {
      return expected.equals(actual);
    }
    if (expected.length() != actual.length()) {
      return false;
    }
    for (int i = 0; i < expected.length(); i++) {
      char e = expected.charAt(i);
      char a = actual.charAt(i);
      if (e == '?' ? a != '0' && a != '1' && a != '?' : e != a) {
        return false;
      }
    }
    return true;
  }
}
