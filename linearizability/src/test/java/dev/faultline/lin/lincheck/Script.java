package dev.faultline.lin.lincheck;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.Validate;

/**
 * A scenario written out: what goes before, what the threads do, what comes after. Each is a row of operations with
 * their arguments, as in {@code "store 0 1; load 0"}.
 */
final class Script {
  private final String before;
  private final String[] threads;
  private String after = "";

  private Script(String before, String... threads) {
    this.before = before;
    this.threads = threads;
  }

  /** Begins a script. */
  static Script of(String before, String... threads) {
    return new Script(before, threads);
  }

  /** Says what comes after. */
  Script then(String operations) {
    after = operations;
    return this;
  }

  /** Returns it in a line: what goes before, what the threads do side by side, what comes after. */
  String text() {
    StringBuilder b = new StringBuilder();
    if (!before.isEmpty()) {
      b.append('`').append(before).append("`, then ");
    }
    for (int i = 0; i < threads.length; i++) {
      b.append(i == 0 ? "`" : " ∥ `").append(threads[i]).append('`');
    }
    if (!after.isEmpty()) {
      b.append(", then `").append(after).append('`');
    }
    return b.toString();
  }

  /** Returns the scenario, for a suite. */
  ExecutionScenario scenario(Class<?> suite) {
    List<List<Actor>> parallel = new ArrayList<>();
    for (String t : threads) {
      parallel.add(actors(suite, t));
    }
    return new ExecutionScenario(actors(suite, before), parallel, actors(suite, after), validation(suite));
  }

  private static Actor validation(Class<?> suite) {
    for (Method m : suite.getMethods()) {
      if (m.isAnnotationPresent(Validate.class)) {
        return new Actor(m, List.of());
      }
    }
    return null;
  }

  private static List<Actor> actors(Class<?> suite, String operations) {
    List<Actor> row = new ArrayList<>();
    for (String operation : operations.split(";", -1)) {
      if (!operation.isBlank()) {
        row.add(actor(suite, operation.strip().split(" ", -1)));
      }
    }
    return row;
  }

  private static Actor actor(Class<?> suite, String[] words) {
    for (Method m : suite.getMethods()) {
      if (m.getName().equals(words[0]) && m.getParameterCount() == words.length - 1) {
        List<Object> arguments = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
          arguments.add(argument(m.getParameterTypes()[i - 1], words[i]));
        }
        return new Actor(m, arguments);
      }
    }
    throw new IllegalArgumentException(suite + " has no operation " + words[0] + " of " + (words.length - 1));
  }

  private static Object argument(Class<?> type, String word) {
    if (type == int.class) {
      return Integer.valueOf(word);
    }
    return type == long.class ? Long.valueOf(word) : (Object) Boolean.valueOf(word);
  }
}
