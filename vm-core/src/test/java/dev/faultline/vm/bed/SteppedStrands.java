package dev.faultline.vm.bed;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Two strands on one Java thread: what the second does happens as a whole at one chosen schedule point of the first.
 * So every place of a kernel operation can be tried at which a processor's access, or another operation, may come in
 * between.
 */
public final class SteppedStrands extends Strands {
  private final Stepped first = new Stepped(0, "first");
  private final Stepped second = new Stepped(1, "second");
  private int points; // of the first strand since arm
  private int target;
  private @Nullable Runnable action;
  private boolean inside;
  private boolean blocked;

  /** The second strand met a lock that the first holds: its action cannot come in here. */
  private static final class Blocked extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final class Stepped extends Strand {
    Stepped(int id, String name) {
      super(id, name, true);
    }

    void become() {
      bind(this);
    }

    void leave() {
      bind(null);
    }

    @Override
    protected void announce(StepKind kind, @Nullable Object subject) {
      atPoint();
    }

    @Override
    protected void awaitFree(StrandLock lock) {
      if (inside) {
        throw new Blocked();
      }
      throw new IllegalStateException(this + " would wait for ever for " + lock);
    }

    @Override
    public void park() {
      throw new IllegalStateException("nobody would wake " + this);
    }

    @Override
    public void parkNanos(long nanos) {
      throw new IllegalStateException("nobody would wake " + this);
    }

    @Override
    public void unpark() {}

    @Override
    public void pause(int attempt) {
      throw new IllegalStateException(this + " would spin for ever");
    }
  }

  /** Runs something as the second strand, now. */
  public void asSecond(Runnable body) {
    inside = true;
    second.become();
    try {
      body.run();
    } finally {
      first.become();
      inside = false;
    }
  }

  /** From now on counts the first strand's schedule points, and lets the second do {@code action} at one of them. */
  public void arm(int at, Runnable body) {
    points = 0;
    target = at;
    action = body;
    blocked = false;
  }

  /** Ends what {@link #arm} began; returns how many points there were. */
  public int disarm() {
    action = null;
    return points;
  }

  /** Returns whether the second strand's action ran into a lock. */
  public boolean blocked() {
    return blocked;
  }

  private void atPoint() {
    Runnable body = action;
    if (inside || body == null || points++ != target) {
      return;
    }
    try {
      asSecond(body);
    } catch (Blocked e) {
      blocked = true;
    }
  }

  @Override
  public Strand attach(String name) {
    first.become();
    return first;
  }

  @Override
  public void detach() {
    first.leave();
  }

  @Override
  public Strand start(String name, Runnable body) {
    throw new IllegalStateException("no strands but two");
  }

  @Override
  public void join(Strand strand) {
    throw new IllegalStateException("no strands but two");
  }

  @Override
  public boolean join(Strand strand, long nanos) {
    throw new IllegalStateException("no strands but two");
  }

  @Override
  public long nanoTime() {
    return 0;
  }

  @Override
  public boolean controlled() {
    return true;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> onDeath) {
    return this;
  }
}
