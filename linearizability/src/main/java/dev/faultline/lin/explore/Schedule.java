package dev.faultline.lin.explore;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who made each step of an execution, and what the execution was of. As text:
 *
 * <pre>
 * faultline-schedule 1
 * scenario two-faulters
 * steps 2*1 5*2 1
 * </pre>
 *
 * <p>The first line is the format's version; each further line but the last is a fact. {@code 5*2} is strand 2, five
 * times; strands are numbered in order of creation.
 *
 * @param facts what to run, in order; keys are single words
 * @param choices the strand of each step
 */
public record Schedule(Map<String, String> facts, List<Integer> choices) {
  private static final String FORMAT = "faultline-schedule";
  private static final int VERSION = 1;

  /** Copies what it is given. */
  public Schedule {
    facts = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(facts));
    choices = List.copyOf(choices);
  }

  /** A text that is no schedule of this version; the message is one line that says why. */
  public static final class FormatException extends Exception {
    private static final long serialVersionUID = 1L;

    FormatException(String message) {
      super(message);
    }
  }

  /** Returns the number of times that the strand changes. */
  public int switches() {
    int n = 0;
    for (int i = 1; i < choices.size(); i++) {
      n += choices.get(i).equals(choices.get(i - 1)) ? 0 : 1;
    }
    return n;
  }

  /** Returns the choices as an array. */
  public int[] array() {
    return choices.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Returns the text. */
  public String text() {
    StringBuilder b = new StringBuilder(FORMAT + " " + VERSION + "\n");
    facts.forEach((k, v) -> b.append(k).append(' ').append(v).append('\n'));
    b.append("steps");
    for (int i = 0; i < choices.size(); ) {
      int end = i;
      while (end < choices.size() && choices.get(end).equals(choices.get(i))) {
        end++;
      }
      b.append(' ');
      if (end - i > 1) {
        b.append(end - i).append('*');
      }
      b.append(choices.get(i));
      i = end;
    }
    return b.append('\n').toString();
  }

  /**
   * Reads a text.
   *
   * @throws FormatException if it is none, or of another version
   */
  public static Schedule parse(String text) throws FormatException {
    String[] lines = text.split("\n", -1);
    if (!lines[0].startsWith(FORMAT + " ")) {
      throw new FormatException("line 1: not a schedule; must begin with '" + FORMAT + " " + VERSION + "'");
    }
    String version = lines[0].substring(FORMAT.length()).trim();
    if (!version.equals(Integer.toString(VERSION))) {
      throw new FormatException("line 1: a schedule of version " + version
          + "; this explorer reads version " + VERSION);
    }
    Map<String, String> facts = new LinkedHashMap<>();
    for (int i = 1; i < lines.length; i++) {
      String line = lines[i].trim();
      int space = line.indexOf(' ');
      String key = space < 0 ? line : line.substring(0, space);
      String value = space < 0 ? "" : line.substring(space + 1).trim();
      if (key.equals("steps")) {
        return new Schedule(facts, steps(value, i + 1));
      }
      if (!key.isEmpty()) {
        facts.put(key, value);
      }
    }
    throw new FormatException("no line of steps");
  }

  private static List<Integer> steps(String value, int line) throws FormatException {
    List<Integer> choices = new ArrayList<>();
    if (value.isEmpty()) {
      return choices;
    }
    for (String word : value.split(" +", -1)) {
      int star = word.indexOf('*');
      try {
        int times = star < 0 ? 1 : Integer.parseInt(word.substring(0, star));
        int strand = Integer.parseInt(word.substring(star + 1));
        if (times < 1 || strand < 0 || strand > 63 || choices.size() + times > 10_000_000) {
          throw new FormatException("line " + line + ": '" + word + "': no such choice");
        }
        for (int i = 0; i < times; i++) {
          choices.add(strand);
        }
      } catch (NumberFormatException e) {
        throw new FormatException("line " + line + ": '" + word + "': must be a strand, or a count*strand");
      }
    }
    return choices;
  }
}
