package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.dpor.OptimalDpor.Part;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The parts of an exploration that nobody has begun yet. For any number of threads. */
public final class Parts {
  private static final int PER_WORKER = 2; // parts that wait: fewer, and the next one that is begun is split

  private final int enough; // (C)
  private final ReentrantLock lock = new ReentrantLock(); // guards the rest
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<Part> waiting = new ArrayDeque<>();
  private int underWay;
  private double behind;
  private boolean closed;

  /** Creates what so many workers begin with: one part, everything. */
  public Parts(int workers) {
    enough = PER_WORKER * workers;
    waiting.add(new Part(List.of(), 1));
  }

  /** Returns a part to explore, or null if nothing is left. Waits while others may split theirs. */
  public @Nullable OptimalDpor take() {
    lock.lock();
    try {
      while (!closed && waiting.isEmpty() && underWay > 0) {
        changed.awaitUninterruptibly();
      }
      Part s = closed ? null : waiting.poll();
      if (s == null) {
        return null;
      }
      underWay++;
      return new OptimalDpor(s, this);
    } finally {
      lock.unlock();
    }
  }

  boolean isShort() {
    lock.lock();
    try {
      return waiting.size() < enough;
    } finally {
      lock.unlock();
    }
  }

  void add(Part s) {
    lock.lock();
    try {
      waiting.add(s);
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** A part has been explored. */
  public void done(OptimalDpor d) {
    lock.lock();
    try {
      underWay--;
      behind += d.weight();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Lets nobody take another. */
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Returns an estimate of how much is done, without what is under way. */
  double behind() {
    lock.lock();
    try {
      return behind;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "parts of an exploration, " + behind() + " behind";
  }
}
