package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.ThreadStrands;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A thread that carries strands, one after another, over all executions of a session. */
final class Carrier {
  /*
   * Implementation overview
   *
   * Handing over   The one with the turn sets the other's flag and unparks its thread; the flag is volatile and so
   *                publishes everything that the turn goes with. Then it waits for its own flag: a short spin, as the
   *                turn often comes back at once, then parking.
   * Running on     A strand that ends, ends inside of run: if a strand is next that has not begun, the same thread
   *                carries it, without any handing over.
   */
  private static final int SPINS = Integer.getInteger("faultline.explore.spins", 0);

  final Thread thread; // (C)
  private final Pool pool; // (C)
  private volatile @Nullable ControlledStrand assigned;
  private volatile boolean closed;

  /** The threads of one session. Belongs to whoever has the turn. */
  static final class Pool {
    private final Controller controller;
    private final ArrayDeque<Carrier> idle = new ArrayDeque<>();
    private final List<Carrier> all = new ArrayList<>();

    Pool(Controller controller) {
      this.controller = controller;
    }

    /** Gives the turn to a strand, on its own thread or, if it has not begun, on an idle one. */
    void handTo(ControlledStrand next) {
      Carrier c = next.carrier;
      if (c != null) {
        next.go = true;
        LockSupport.unpark(c.thread);
        return;
      }
      c = idle.pollLast();
      if (c == null) {
        c = new Carrier(this, all.size());
        all.add(c);
        next.carrier = c;
        c.assigned = next;
        c.thread.start();
        return;
      }
      next.carrier = c;
      c.assigned = next;
      LockSupport.unpark(c.thread);
    }

    /** Notes that a carrier has nothing to do. Before the turn is given away. */
    void rest(Carrier c) {
      idle.addLast(c);
    }

    /** Ends the threads that are idle; called when the session is over. */
    void close() {
      for (Carrier c : all) {
        c.closed = true;
        LockSupport.unpark(c.thread);
      }
    }

    int threads() {
      return all.size();
    }
  }

  private Carrier(Pool pool, int number) {
    this.pool = pool;
    thread = ThreadStrands.newThread(this::run, "explorer-" + number);
  }

  private void run() {
    while (true) {
      ControlledStrand s = assigned;
      if (s != null) {
        assigned = null;
        while (s != null) {
          s = pool.controller.carry(s, this);
        }
      } else if (closed) {
        return;
      } else {
        LockSupport.park(this);
      }
    }
  }

  /** Waits until {@code me}, whose thread this is, has the turn. */
  static void await(ControlledStrand me) {
    for (int i = 0; i < SPINS; i++) {
      if (me.go) {
        me.go = false;
        return;
      }
      Thread.onSpinWait();
    }
    while (!me.go) {
      LockSupport.park(me);
    }
    me.go = false;
  }
}
