package dev.faultline.hw.strand;

import java.util.concurrent.locks.LockSupport;

/**
 * Disturbs strands that run freely: at schedule points drawn at random a strand stands still for a moment, so that the
 * windows between two steps, some nanoseconds wide, become wide enough for the others to get in.
 *
 * <p>Off by default; see {@link ThreadStrands#perturbed}. Immutable; each strand draws from a generator of its own.
 *
 * @see "Burckhardt and others, ASPLOS 2010, for priorities with few changes"
 */
public final class Perturbation {
  /*
   * Implementation overview
   *
   * Priorities   A strand is fast or slow, and changes over after a number of points that is drawn anew each time. A
   *              fast one stops at one point in fastShare, a slow one at one in slowShare: some strands get far ahead
   *              of others, as they would if the host had taken the processor away.
   * Stops        Two of three give the processor away and no more; the third naps, up to napNanos. A nap may swallow a
   *              permit that was meant for the park which the strand is about to come to, so it leaves one behind: a
   *              park that returns without reason is allowed, one that does not return is not.
   * Accesses     Loads and stores are many, and what is between two of them is in the kernel: one point in
   *              ACCESS_SHARE of theirs counts.
   */
  private static final int ACCESS_SHARE = 64;
  private static final int CHANGE_MAX = 4000; // points until a strand's speed changes, at most

  private final long seed; // (C)
  private final int fastShare; // (C)
  private final int slowShare; // (C)
  private final int napNanos; // (C)

  /**
   * Creates one.
   *
   * @param seed what the strands' generators start from
   * @param fastShare a fast strand stops at one point in so many, 1 or more
   * @param slowShare a slow strand stops at one point in so many, 1 or more
   * @param napNanos how long a nap takes at most, 1 or more nanoseconds
   */
  public Perturbation(long seed, int fastShare, int slowShare, int napNanos) {
    if (fastShare < 1 || slowShare < 1 || napNanos < 1) {
      throw new IllegalArgumentException(
          "one point in " + fastShare + " and " + slowShare + ", naps of " + napNanos + " ns: expected 1 or more each");
    }
    this.seed = seed;
    this.fastShare = fastShare;
    this.slowShare = slowShare;
    this.napNanos = napNanos;
  }

  /** Returns the disturber of strand number {@code id}. */
  Turn turn(int id) {
    return new Turn(this, id);
  }

  /** Disturbs one strand; belongs to it. */
  static final class Turn {
    private final Perturbation of; // (C)
    private long state; // (T)
    private boolean slow; // (T)
    private int pointsLeft; // (T) until the speed changes

    private Turn(Perturbation of, int id) {
      this.of = of;
      this.state = of.seed + id * 0x9e3779b97f4a7c15L;
    }

    /** Returns a number from 0 to {@code bound} - 1. */
    private int next(int bound) {
      state += 0x9e3779b97f4a7c15L;
      long z = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
      z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
      return (int) Long.remainderUnsigned(z ^ (z >>> 31), bound);
    }

    /** Comes to a schedule point. */
    void at(StepKind kind) {
      if (kind == StepKind.ACCESS && next(ACCESS_SHARE) != 0) {
        return;
      }
      if (--pointsLeft < 0) {
        pointsLeft = next(CHANGE_MAX);
        slow = next(3) == 0;
      }
      if (next(slow ? of.slowShare : of.fastShare) == 0) {
        stop();
      }
    }

    private void stop() {
      if (next(3) == 0) {
        LockSupport.parkNanos(this, 1 + next(of.napNanos));
        LockSupport.unpark(Thread.currentThread());
      } else {
        Thread.yield();
      }
    }
  }

  @Override
  public String toString() {
    return "one point in " + fastShare + " or " + slowShare + ", naps up to " + napNanos / 1000 + " us";
  }
}
