package dev.faultline.hw.strand;

import org.jspecify.annotations.Nullable;

/**
 * A flow of control in a simulated world.
 *
 * <p>A strand may block, wait, spin and announce its steps only through the methods here; they are to be called by the
 * strand itself, except {@link #unpark}, {@link #name}, {@link #id} and {@link #controlled}, which anybody may call.
 */
public abstract class Strand {
  /*
   * Implementation overview
   *
   * A strand is found from its thread: pooled threads are StrandThreads and carry it in a field (one type test and one
   * load, which is what the kernel's hot paths pay), other threads that were attached carry it in a thread local.
   *
   * Permits are those of java.util.concurrent.locks.LockSupport: at most one, and park may return without one. Callers
   * loop.
   */
  private static final ThreadLocal<@Nullable Strand> ATTACHED = new ThreadLocal<>();

  /**
   * What the kernel knows of this strand (its thread structure). Owned by the strand; set once, right after it began.
   */
  public @Nullable Object context;

  /** Where what this strand does is written down, if anybody wants that. Owned by the strand. */
  public @Nullable Object journal;

  StrandLock.@Nullable Waiter spareWaiter; // (T) on no lock's stack

  private volatile @Nullable StrandLock awaitedLock; // (T) written by the strand, read by anybody

  private final int id; // (C) in order of creation within one supply
  private final String name; // (C)
  private final boolean controlled; // (C)
  private final boolean announces; // (C) controlled, or disturbed at its schedule points

  protected Strand(int id, String name, boolean controlled) {
    this(id, name, controlled, controlled);
  }

  /** Makes a strand that announces its steps though it may run freely. */
  protected Strand(int id, String name, boolean controlled, boolean announces) {
    this.id = id;
    this.name = name;
    this.controlled = controlled;
    this.announces = announces;
  }

  /**
   * Returns the strand that the calling thread is.
   *
   * @throws IllegalStateException if the thread is no strand; see {@link Strands#attach}
   */
  public static Strand current() {
    Strand s = currentOrNull();
    if (s == null) {
      throw new IllegalStateException("thread is not a strand (attach it first): " + Thread.currentThread().getName());
    }
    return s;
  }

  /** Returns the strand that the calling thread is, or null if it is none. */
  public static @Nullable Strand currentOrNull() {
    Thread t = Thread.currentThread();
    if (t instanceof StrandThread) {
      return ((StrandThread) t).strand;
    }
    return ATTACHED.get();
  }

  /** Makes the calling thread this strand, or no strand. For implementations of {@link Strands}. */
  protected static void bind(@Nullable Strand strand) {
    Thread t = Thread.currentThread();
    if (t instanceof StrandThread) {
      ((StrandThread) t).strand = strand;
    } else if (strand == null) {
      ATTACHED.remove();
    } else {
      ATTACHED.set(strand);
    }
  }

  /** Returns the strand's number, unique in its {@link Strands}, in order of creation. */
  public final int id() {
    return id;
  }

  /** Returns the strand's name. */
  public final String name() {
    return name;
  }

  /**
   * Returns whether an engine chooses this strand's schedule; false means that it runs freely on a thread of its own.
   */
  public final boolean controlled() {
    return controlled;
  }

  /** Returns the lock that the strand is parked for, or null; a racy snapshot, for reports on hangs. */
  public final @Nullable StrandLock awaitedLock() {
    return awaitedLock;
  }

  final void awaits(@Nullable StrandLock lock) {
    awaitedLock = lock;
  }

  /** Announces a schedule point. Free-running, this is one predictable branch. */
  public final void point(StepKind kind, @Nullable Object subject) {
    if (announces) {
      announce(kind, subject);
    }
  }

  /** Returns whether schedule points are more than a branch here: an engine chooses, or somebody disturbs. */
  final boolean announces() {
    return announces;
  }

  /**
   * Returns a name for something that the calling strand is making: the same in every schedule in which the strand got
   * here in the same way. What is announced as a subject keeps such a name, so that an engine recognises it from one
   * execution to the next. Free-running, and on a thread that is no strand, it is 0: no name.
   */
  public static long nameOfNew() {
    Strand s = currentOrNull();
    return s == null || !s.controlled ? 0 : s.nameNew();
  }

  /**
   * Tells of something shared that the strand reads or changes within the step that it makes. No schedule point: it
   * only says which steps depend on each other.
   *
   * @param name of the thing; see {@link Subject}
   * @param change whether it may be changed
   */
  public final void touch(long name, boolean change) {
    if (controlled) {
      touched(name, change);
    }
  }

  /** {@link #touch} by the calling strand; nothing on a thread that is none. */
  public static void tell(long name, boolean change) {
    Strand s = currentOrNull();
    if (s != null) {
      s.touch(name, change);
    }
  }

  /** Waits for a permit and consumes it. May return without one: callers test their condition in a loop. */
  public abstract void park();

  /** Like {@link #park}, but returns after so many nanoseconds at the latest (simulated ones under an engine). */
  public abstract void parkNanos(long nanos);

  /** Gives the strand its permit. May be called by any thread. */
  public abstract void unpark();

  /**
   * One turn of a loop that waits for a word that another strand will change soon.
   *
   * @param attempt 0 for the first turn, then rising; longer waits give the processor away
   */
  public abstract void pause(int attempt);

  /** Returns the next name for something that this strand makes; 0 for none. */
  protected long nameNew() {
    return 0;
  }

  /** Tells the engine what the step that is being made reads or changes. Called only where it is controlled. */
  protected void touched(long name, boolean change) {}

  /** Hears of a step that is about to be made. Called only where the strand {@link #announces}. */
  protected abstract void announce(StepKind kind, @Nullable Object subject);

  /** Waits until {@code lock} has no owner. Called only where {@link #controlled} is true. */
  protected abstract void awaitFree(StrandLock lock);

  @Override
  public String toString() {
    return name + "#" + id;
  }
}
