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
   *                publishes everything that the turn goes with. Then it parks until its own flag is set.
   * What threads   Virtual ones that share one of the host's where the JVM lets us (OneThread), else the host's.
   * Running on     A strand that ends, ends inside of run: if a strand is next that has not begun, the same thread
   *                carries it, without any handing over.
   */
  final Thread thread; // (C)
  private final Pool pool; // (C)
  private volatile @Nullable ControlledStrand assigned;
  private volatile boolean closed;

  /** The threads of one session. Belongs to whoever has the turn. */
  static final class Pool {
    private final Controller controller;
    private final ArrayDeque<Carrier> idle = new ArrayDeque<>();
    private final List<Carrier> all = new ArrayList<>();
    private final @Nullable OneThread oneThread; // (C) null where each carrier is a thread of the host's

    Pool(Controller controller, boolean hostThreads) {
      this.controller = controller;
      this.oneThread = hostThreads ? null : OneThread.begin();
    }

    private Thread newThread(Runnable body, String name) {
      OneThread o = oneThread;
      return o == null ? ThreadStrands.newThread(body, name) : o.newThread(body, name);
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
      if (oneThread != null) {
        oneThread.close();
      }
    }

    int threads() {
      return all.size();
    }
  }

  private Carrier(Pool pool, int number) {
    this.pool = pool;
    thread = pool.newThread(this::run, "explorer-" + number);
  }

  /** Returns the host's thread that it runs on. */
  Thread host() {
    OneThread o = pool.oneThread;
    return o == null ? thread : o.host;
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
    while (!me.go) {
      LockSupport.park(me);
    }
    me.go = false;
  }
}
