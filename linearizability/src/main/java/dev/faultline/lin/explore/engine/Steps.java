package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.StepKind;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The steps of one execution, with what each of them read or changed. Used again for the next execution.
 *
 * <p>A step's entries are {@code name << 5 | flags}: {@link #WRITE}, {@link #SIGNAL} or neither for a read, and with a
 * write {@link #ACQUIRE} and {@link #RELEASE} of a lock. Two steps depend on each other if they are of one strand, or
 * if
 * an entry of one conflicts with an entry of the other: same name, and not two reads nor two signals.
 */
public final class Steps {
  /** Changes the thing. */
  public static final int WRITE = 1;

  /** Gives a permit: commutes with other signals. */
  public static final int SIGNAL = 2;

  /** Takes the lock. */
  public static final int ACQUIRE = 4;

  /** Gives the lock back. */
  public static final int RELEASE = 8;

  static final int FLAG_BITS = 5;
  private static final int FLAGS = (1 << FLAG_BITS) - 1;

  int count;
  private int[] strand = new int[64];
  private StepKind[] kind = new StepKind[64];
  private Wait[] wait = new Wait[64];
  private long[] enabled = new long[64];
  private long[] primary = new long[64];
  private @Nullable Object[] subject = new @Nullable Object[64]; // kept for the trace
  private int[] since = new int[64]; // of a pause: the first step that may have changed what it waits for
  private int[] first = new int[65]; // entries of step i: first[i] to first[i + 1]
  private long[] entries = new long[256];

  void clear() {
    Arrays.fill(subject, 0, count, null);
    count = 0;
    first[0] = 0;
  }

  /** Begins a step. */
  void open(int s, StepKind k, Wait w, long enabledMask, long name, @Nullable Object about) {
    int i = count;
    if (i == strand.length) {
      int n = 2 * i;
      strand = Arrays.copyOf(strand, n);
      kind = Arrays.copyOf(kind, n);
      wait = Arrays.copyOf(wait, n);
      enabled = Arrays.copyOf(enabled, n);
      primary = Arrays.copyOf(primary, n);
      since = Arrays.copyOf(since, n);
      subject = Arrays.copyOf(subject, n);
      first = Arrays.copyOf(first, n + 1);
    }
    strand[i] = s;
    kind[i] = k;
    wait[i] = w;
    enabled[i] = enabledMask;
    primary[i] = name;
    subject[i] = about;
    since[i] = 0;
    count = i + 1;
    first[i + 1] = first[i];
  }

  void since(int step) {
    since[count - 1] = step;
  }

  /** Adds an entry to the step that is being made. */
  void add(long name, int flags) {
    int end = first[count];
    for (int i = first[count - 1]; i < end; i++) {
      if (entries[i] >>> FLAG_BITS == name) {
        int both = (int) entries[i] & FLAGS;
        boolean same = (both & (WRITE | SIGNAL)) == (flags & (WRITE | SIGNAL));
        entries[i] |= same ? flags : (flags & ~SIGNAL) | WRITE;
        if (!same) {
          entries[i] &= ~(long) SIGNAL;
        }
        return;
      }
    }
    if (end == entries.length) {
      entries = Arrays.copyOf(entries, 2 * end);
    }
    entries[end] = name << FLAG_BITS | flags;
    first[count] = end + 1;
  }

  /** Returns the number of steps. */
  public int count() {
    return count;
  }

  /** Returns the index of the strand that made a step. */
  public int strand(int step) {
    return strand[step];
  }

  /** Returns how a step was announced. */
  public StepKind kind(int step) {
    return kind[step];
  }

  /** Returns what the strand waited for before the step. */
  public Wait wait(int step) {
    return wait[step];
  }

  /** Returns the strands that could have made the step. */
  public long enabled(int step) {
    return enabled[step];
  }

  /** Returns what the step was announced with, in a word or two. */
  public String label(int step) {
    Object o = subject[step];
    if (o == null) {
      return kind[step].name();
    }
    try {
      String text = o.toString();
      boolean bare = text.startsWith(o.getClass().getName() + "@"); // which would differ from run to run
      return o.getClass().getSimpleName() + (bare ? "" : "(" + text + ")");
    } catch (RuntimeException e) { // a torn structure may not be able to say what it is
      return o.getClass().getSimpleName();
    }
  }

  /** Returns the name of what the step was announced with, or 0. */
  public long primary(int step) {
    return primary[step];
  }

  /** Returns the first step that may have ended a pause. */
  public int since(int step, int orElse) {
    return wait[step] == Wait.PAUSE ? since[step] : orElse;
  }

  /** Returns the place of a step's first entry. */
  public int from(int step) {
    return first[step];
  }

  /** Returns the place after a step's last entry. */
  public int to(int step) {
    return first[step + 1];
  }

  /** Returns the name of an entry. */
  public long name(int entry) {
    return entries[entry] >>> FLAG_BITS;
  }

  /** Returns the flags of an entry. */
  public int flags(int entry) {
    return (int) entries[entry] & FLAGS;
  }

  /** Returns an entry as it is. */
  public long entry(int entry) {
    return entries[entry];
  }

  /** Returns a step's entries, as a new array. */
  public long[] entries(int step) {
    return Arrays.copyOfRange(entries, first[step], first[step + 1]);
  }

  /** Returns the flags of an entry of {@link #entries(int)}. */
  public static int flagsOf(long entry) {
    return (int) entry & FLAGS;
  }

  /** Returns whether two steps' entries conflict. */
  public static boolean conflict(long[] a, long[] b) {
    for (long x : a) {
      for (long y : b) {
        if (x >>> FLAG_BITS == y >>> FLAG_BITS && conflict((int) x, (int) y)) {
          return true;
        }
      }
      if (x >>> FLAG_BITS == Names.ALL) {
        return true;
      }
    }
    return b.length > 0 && b[0] >>> FLAG_BITS == Names.ALL;
  }

  private static boolean conflict(int a, int b) {
    return ((a | b) & WRITE) != 0 || ((a ^ b) & SIGNAL) != 0;
  }

  /** Returns a number that differs, most likely, if the steps do. */
  public long digest() {
    long h = count;
    for (int i = 0; i < count; i++) {
      h = (h ^ strand[i]) * 0x9E3779B97F4A7C15L;
      h = (h ^ kind[i].ordinal()) * 0x9E3779B97F4A7C15L;
      h = (h ^ enabled[i]) * 0x9E3779B97F4A7C15L;
      h ^= h >>> 29;
    }
    for (int i = 0; i < first[count]; i++) {
      h = (h ^ entries[i]) * 0x9E3779B97F4A7C15L;
      h ^= h >>> 29;
    }
    return h;
  }

  /** Returns a copy. */
  Steps copy() {
    Steps s = new Steps();
    s.count = count;
    s.strand = strand.clone();
    s.kind = kind.clone();
    s.wait = wait.clone();
    s.enabled = enabled.clone();
    s.primary = primary.clone();
    s.since = since.clone();
    s.first = first.clone();
    s.entries = entries.clone();
    return s;
  }

  /** Returns the first step in which this and another run differ, or -1. */
  int firstDifference(Steps o) {
    int n = Math.min(count, o.count);
    for (int i = 0; i < n; i++) {
      if (strand[i] != o.strand[i] || kind[i] != o.kind[i] || enabled[i] != o.enabled[i]
          || !Arrays.equals(entries(i), o.entries(i))) {
        return i;
      }
    }
    return count == o.count ? -1 : n;
  }

  /** Returns one step as text; for the difference of two runs. */
  String describe(int step) {
    if (step >= count) {
      return "no such step";
    }
    StringBuilder b = new StringBuilder();
    b.append("strand ").append(strand[step]).append(' ').append(kind[step]);
    b.append(" of ").append(Long.toHexString(primary[step]));
    b.append(" enabled ").append(Long.toBinaryString(enabled[step]));
    for (int i = first[step]; i < first[step + 1]; i++) {
      b.append(' ').append(Long.toHexString(name(i))).append(':').append(flags(i));
    }
    return b.toString();
  }

  @Override
  public String toString() {
    return count + " steps";
  }

  /** What keeps a strand from making its next step. */
  public enum Wait {
    /** Nothing. */
    NONE,
    /** It has not begun. */
    START,
    /** It has prepared, or done its part, and wants the next phase. */
    GATE,
    /** It wants a lock. */
    LOCK,
    /** It wants a permit. */
    PARK,
    /** It wants a permit or the time to come. */
    PARK_TIMED,
    /** It wants somebody to change what it looked at. */
    PAUSE,
    /** It wants a strand to end. */
    JOIN
  }
}
