package dev.faultline.hw.strand;

import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Strands as Java threads of which one runs at a time, chosen by a seeded generator, in simulated time: two runs of one
 * seed make the same steps in the same order.
 *
 * <p>Made by {@link ThreadStrands#serial}; one instance is for one run. Its strands run only while a thread that was
 * attached waits in it (for a permit, a time, a lock or a strand's end): between {@link #detach} and the next
 * {@link #attach} everything stands still. Threads that attach while others run come in at a moment that the host
 * chooses, so one thread is to do it all where runs are to be the same.
 */
public final class SerialStrands extends Strands implements AutoCloseable {
  private final Turn turn; // (C) shared by all worlds
  private final @Nullable BiConsumer<Strand, Throwable> onDeath; // (C)
  private int numbers; // guarded by turn's lock

  SerialStrands(Executor threads, long seed, int burstMax, boolean underLocks, long patienceNanos) {
    this(new Turn(threads, seed, burstMax, underLocks, patienceNanos), null);
  }

  private SerialStrands(Turn turn, @Nullable BiConsumer<Strand, Throwable> onDeath) {
    this.turn = turn;
    this.onDeath = onDeath;
  }

  /** Returns the next strand's number. The turn's lock is held. */
  int nextNumber() {
    return numbers++;
  }

  /** Hears what escaped from a strand's body. */
  void died(SerialStrand s, Throwable t) {
    if (onDeath != null) {
      onDeath.accept(s, t);
    } else {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, t);
    }
  }

  @Override
  public Strand start(String name, Runnable body) {
    return turn.start(this, name, body);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Waits until the thread has the turn.
   */
  @Override
  public Strand attach(String name) {
    if (Strand.currentOrNull() != null) {
      throw new IllegalStateException("thread is a strand already: " + Strand.currentOrNull());
    }
    return turn.attach(this, name);
  }

  @Override
  public void detach() {
    turn.detach((SerialStrand) Strand.current());
  }

  @Override
  public void join(Strand strand) {
    join(strand, Long.MAX_VALUE);
  }

  /** {@inheritDoc} The time is simulated. */
  @Override
  public boolean join(Strand strand, long nanos) {
    boolean outside = Strand.currentOrNull() == null;
    if (outside) {
      attach("join");
    }
    try {
      return turn.join((SerialStrand) Strand.current(), (SerialStrand) strand, nanos);
    } finally {
      if (outside) {
        detach();
      }
    }
  }

  @Override
  public long nanoTime() {
    return turn.now();
  }

  @Override
  public boolean controlled() {
    return true;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> death) {
    return new SerialStrands(turn, death);
  }

  /**
   * Ends all strands that are left, of all worlds: each is thrown out of what it waits for. Nobody is attached, nobody
   * uses the supply any more.
   */
  @Override
  public void close() {
    turn.close();
  }

  @Override
  public String toString() {
    return "serial strands, " + turn;
  }
}
