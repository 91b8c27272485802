package dev.faultline.hw.strand;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A strand that runs when it has the turn. */
final class SerialStrand extends Strand {
  /** What keeps a strand from going on. */
  enum Wait {
    /** Nothing: it has the turn, or stands in line for it. */
    NONE,
    /** A lock. */
    LOCK,
    /** A permit, or an alarm. */
    PARK,
    /** The end of a strand, or an alarm. */
    JOIN
  }

  final SerialStrands supply; // (C)
  final boolean attached; // (C) its thread came from outside
  private final Turn turn; // (C)
  volatile @Nullable Thread thread; // null until the thread runs
  private boolean interrupted; // (T) came while it waited: strands wait on, and hand it to the thread at their end
  private int locks; // (T) how many it holds

  // Guarded by the turn's lock.
  Wait wait = Wait.NONE;
  boolean permit;
  boolean ended;
  @Nullable StrandLock wanted;
  @Nullable SerialStrand target;
  @Nullable String standstill; // why it is to throw
  long waits; // how many it has begun: an alarm of an earlier one is void
  final List<SerialStrand> joiners = new ArrayList<>(0);

  SerialStrand(Turn turn, SerialStrands supply, int id, String name, boolean attached) {
    super(id, name, true);
    this.turn = turn;
    this.supply = supply;
    this.attached = attached;
  }

  /** Makes the calling thread this strand; the strand that is bound may be woken from now on. */
  void bind() {
    thread = Thread.currentThread();
    Strand.bind(this);
  }

  /** Ends {@link #bind}. */
  void unbind() {
    Strand.bind(null);
    if (interrupted) {
      interrupted = false;
      Thread.currentThread().interrupt();
    }
  }

  /** Notes an interrupt and clears it: with it pending no host wait would wait. */
  void keepInterrupt() {
    if (Thread.interrupted()) {
      interrupted = true;
    }
  }

  /** Returns whether it holds no lock. */
  boolean holdsNothing() {
    return locks == 0;
  }

  @Override
  protected void announce(StepKind kind, @Nullable Object subject) {
    if (kind == StepKind.UNLOCK) {
      locks--;
    }
    turn.step(this);
    if (kind == StepKind.LOCK || (kind == StepKind.TRY_LOCK && subject instanceof StrandLock l && l.owner() == null)) {
      locks++; // nobody else runs before it has the lock
    }
  }

  @Override
  protected void awaitFree(StrandLock lock) {
    awaits(lock);
    turn.awaitFree(this, lock);
    awaits(null);
  }

  @Override
  public void park() {
    turn.park(this, Long.MAX_VALUE);
  }

  @Override
  public void parkNanos(long nanos) {
    turn.park(this, Math.max(1, nanos));
  }

  @Override
  public void unpark() {
    turn.unpark(this);
  }

  @Override
  public void pause(int attempt) {
    turn.pause(this, attempt);
  }

  /** Returns what it waits for. The turn's lock is held. */
  String what() {
    switch (wait) {
      case LOCK:
        return this + " waits for " + wanted + (wanted == null ? "" : ", held by " + wanted.owner());
      case PARK:
        return this + " is parked";
      case JOIN:
        return this + " waits for the end of " + target;
      default:
        return this + " can go on";
    }
  }
}
