package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.Subject;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * The names of what steps are about: 58-bit numbers that are the same in every execution in which the thing came into
 * being in the same way.
 */
public final class Names {
  /*
   * Implementation overview
   *
   * Made        {strand's key + 1, count}: by the strand that made the thing, see Strand.nameOfNew.
   * Announced   {strand's key, count}: things that bear no name are named by the strand that announces them first. Two
   *             strands that race to be first name a thing differently in different schedules; what is shared should
   *             therefore be a Subject, or be announced in the set-up.
   * Structural  strands' permits and lives by the strand's key; what a machine numbers itself (frames).
   */
  /** Depends on everything. */
  public static final long ALL = 0;

  private static final int TAG = 54;
  private static final long ANNOUNCED = 1L << TAG;
  private static final long PERMIT = 2L << TAG;
  private static final long LIFE = 3L << TAG;
  private static final long TAGS = 15L << TAG;
  private static final int COUNT_BITS = 30;

  private final Map<Object, Long> announced = new IdentityHashMap<>();

  void clear() {
    if (!announced.isEmpty()) {
      announced.clear();
    }
  }

  static long made(int key, int count) {
    return (((long) key + 1) << COUNT_BITS) | count;
  }

  static long permit(int key) {
    return PERMIT | key;
  }

  static long life(int key) {
    return LIFE | key;
  }

  /** Returns whether a name is the same in all schedules: its bearer's, or given in the set-up. */
  public static boolean isSure(long name) {
    return name != ALL && ((name & TAGS) != ANNOUNCED || (name & ~TAGS) >>> COUNT_BITS == 0);
  }

  static boolean isPermit(long name) {
    return (name & TAGS) == PERMIT;
  }

  /** Returns the name of what {@code by} announces. */
  long of(Object subject, ControlledStrand by) {
    if (subject instanceof Subject s) {
      long name = s.subjectName();
      if (name != 0) {
        return name;
      }
    }
    Long known = announced.get(subject);
    if (known == null) {
      known = ANNOUNCED | ((long) by.key << COUNT_BITS) | ++by.announced;
      announced.put(subject, known);
    }
    return known;
  }
}
