package dev.faultline.vm.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/** What things are called that have names of their own, and the words that events carry by number. */
final class Names {
  /*
   * Implementation overview
   *
   * Names     put when a thing is made, looked up when a trace is printed.
   * Words     string constants of the kernel's source, a few dozen, found again by identity in an array that is
   *           replaced when one is new: a known word allocates nothing.
   */
  private static final VarHandle WORDS;

  static {
    try {
      WORDS = MethodHandles.lookup().findVarHandle(Names.class, "words", String[].class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final ConcurrentMap<Long, String> names = new ConcurrentHashMap<>(); // (A)
  private volatile String[] words = {}; // (A) never changed in place

  void put(long code, String name) {
    names.put(code, name);
  }

  /** Returns the code of a word, which is a constant of the source or one of few. */
  long word(String word) {
    while (true) {
      String[] known = words;
      for (int i = 0; i < known.length; i++) {
        if (known[i] == word || known[i].equals(word)) {
          return TraceKind.WORD.code(i);
        }
      }
      String[] more = Arrays.copyOf(known, known.length + 1);
      more[known.length] = word;
      WORDS.compareAndSet(this, known, more);
    }
  }

  /** Returns the name of a thing or the word of a code. */
  String name(long code) {
    if (TraceKind.kindOf(code) == TraceKind.WORD) {
      String[] known = words;
      int i = (int) TraceKind.idOf(code);
      return i < known.length ? known[i] : "?";
    }
    String own = names.get(code);
    return own != null ? own : TraceKind.plainName(code);
  }

  /** Returns all of it as it is now, by code. */
  Map<Long, String> copy() {
    Map<Long, String> all = new HashMap<>(names);
    String[] known = words;
    for (int i = 0; i < known.length; i++) {
      all.put(TraceKind.WORD.code(i), known[i]);
    }
    return all;
  }
}
