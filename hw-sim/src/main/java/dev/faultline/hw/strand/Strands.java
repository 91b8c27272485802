package dev.faultline.hw.strand;

import java.util.function.BiConsumer;

/**
 * A supply of strands and of time for one simulated world.
 *
 * <p>An engine that controls schedules extends this class together with {@link Strand}; {@link ThreadStrands} runs
 * strands freely.
 */
public abstract class Strands {
  /**
   * Starts a strand.
   *
   * @param name for traces and thread dumps
   * @param body what it runs; a throwable that escapes goes to the world's death handler
   */
  public abstract Strand start(String name, Runnable body);

  /**
   * Makes the calling thread a strand of this world until {@link #detach}. For test threads, jcstress actors and the
   * like.
   *
   * @throws IllegalStateException if the thread is a strand already
   */
  public abstract Strand attach(String name);

  /** Undoes {@link #attach}. */
  public abstract void detach();

  /**
   * Waits until {@code strand}, started here, has ended. May be called by any thread that is not a strand of a
   * controlled world.
   */
  public abstract void join(Strand strand);

  /**
   * Waits until {@code strand} has ended, at most {@code nanos} of host time.
   *
   * @return whether it has ended
   */
  public abstract boolean join(Strand strand, long nanos);

  /** Returns the time in nanoseconds since an arbitrary origin: the host's, or the engine's virtual one. */
  public abstract long nanoTime();

  /** Returns whether an engine chooses the schedule. */
  public abstract boolean controlled();

  /**
   * Returns a supply that shares threads with this one but numbers its strands from 0 and reports their deaths to
   * {@code onDeath}.
   *
   * @param onDeath called on the dying strand with what escaped from its body
   */
  public abstract Strands world(BiConsumer<Strand, Throwable> onDeath);
}
