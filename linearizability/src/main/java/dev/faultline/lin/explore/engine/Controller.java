package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Subject;
import dev.faultline.lin.explore.engine.Steps.Wait;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Runs executions: holds the strands, finds those that can make a step, and passes the turn on. */
final class Controller extends ExecutionState {
  /*
   * Implementation overview
   *
   * A step      runs from one schedule point of a strand to its next. What it is announced with, and what it is told of
   *             on the way (locks given back, permits given, strands begun and ended, touches), are its entries.
   * Phases      SET_UP and CHECK run under a fixed schedule (who runs, goes on; else the lowest index) and write
   *             nothing
   *             down; EXPLORED is what the chooser decides. It ends when all actors have ended and nobody can go on
   *             without the passing of time: what services still do then belongs to it.
   * Waiting     LOCK until it has no owner, PARK until there is a permit, JOIN until the strand has ended, PAUSE until
   *             another strand changed something that the spinner looked at since it last paused.
   * Time        stands still while anybody can go on, then jumps to the first deadline. The step of whom it wakes
   *             depends
   *             on everything before and after.
   * Giving up   Strands that are left when an execution ends unwind one after another: each throws where it waits.
   * Coarse      points that have no entry of their own are passed over: between two of them nothing happens that
   *             anybody
   *             else could see. What a strand does after it released its last lock belongs to the step of the release.
   */
  private static final int SET_UP = 0;
  static final int EXPLORED = 1;
  private static final int CHECK = 2;

  private final Session session; // (C)
  private final Carrier.Pool pool; // (C)
  private final boolean fine; // (C) every schedule point is one
  private final int stepLimit; // (C)
  private final Waits waits = new Waits(steps); // (C)
  final AtomicLong progress = new AtomicLong(); // written by whoever has the turn

  private int actorsLeft;
  private int phase = SET_UP;
  private boolean aborting;
  private @Nullable Trial trial;
  private long now;
  private boolean advanced; // time, since the last step
  private long turns; // of the fixed schedule
  private int last = -1;
  private int unwinding;
  volatile @Nullable ControlledStrand running;

  Controller(Session session, Session.Options options) {
    this.session = session;
    fine = options.fine();
    stepLimit = options.stepLimit();
    pool = new Carrier.Pool(this, options.hostThreads());
  }

  // ------------------------------------------------------------------------------------------------ executions

  /** Begins an execution; returns its first strand, to be carried. */
  ControlledStrand beginExecution() {
    forget();
    actorsLeft = 0;
    phase = SET_UP;
    aborting = false;
    unwinding = 0;
    now = 0;
    advanced = false;
    last = -1;
    ControlledStrands supply = new ControlledStrands(this, null);
    ControlledStrand s = add(0, 0, "set-up", false, () -> trial = session.program().begin(supply));
    running = s;
    return s;
  }

  private ControlledStrand add(int number, int key, String name, boolean actor, Runnable body) {
    int by = phase == EXPLORED ? steps.count() - 1 : -1;
    ControlledStrand s = new ControlledStrand(this, count, number, key, name, by, actor, body);
    keep(s);
    return s;
  }

  ControlledStrand start(int number, String name, Runnable body, @Nullable BiConsumer<Strand, Throwable> onDeath) {
    if (count == MAX_STRANDS && !aborting) { // a world that stays busy, and starts its clock again and again
      giveUp(new Outcome(Outcome.Kind.STEP_LIMIT, "more than " + MAX_STRANDS + " strands, the next is " + name, null));
    }
    if (aborting) {
      throw Unwind.NOW;
    }
    ControlledStrand me = (ControlledStrand) Strand.current();
    ControlledStrand[] self = new ControlledStrand[1];
    Runnable guarded =
        onDeath == null
            ? body
            : () -> {
              try {
                body.run();
              } catch (Unwind u) {
                throw u;
              } catch (Throwable t) {
                if (!aborting) {
                  onDeath.accept(self[0], t);
                }
                throw t;
              }
            };
    ControlledStrand s = add(number, keyOf(me.key, ++me.children), name, false, guarded);
    self[0] = s;
    effect(Names.life(s.key), Steps.WRITE);
    return s;
  }

  /** Adds the actors, once the world is set up; returns whether there are any. */
  private boolean addActors() {
    Trial t = trial;
    if (t == null) {
      return false;
    }
    int n = 0;
    for (Trial.Actor a : t.actors()) {
      Runnable prepare = a.prepare();
      Runnable finish = a.finish();
      ControlledStrand s = add(++n, keyOf(-1, n), a.name(), true, () -> act(a, prepare, finish));
      s.gate = prepare == null ? EXPLORED : SET_UP;
      actorsLeft++;
    }
    return n > 0;
  }

  private void act(Trial.Actor a, @Nullable Runnable prepare, @Nullable Runnable finish) {
    ControlledStrand me = (ControlledStrand) Strand.current();
    if (prepare != null) {
      prepare.run();
      await(me, EXPLORED);
    }
    a.body().run();
    if (finish != null) {
      actorsLeft--;
      me.atEnd = true;
      await(me, CHECK);
      finish.run();
    }
  }

  private void await(ControlledStrand me, int gate) {
    me.kind = StepKind.YIELD;
    me.subject = null;
    me.name = 0;
    me.wait = Wait.GATE;
    me.gate = gate;
    reach(me);
  }

  private void beginExplored() {
    phase = EXPLORED;
    for (int i = 0; i < count; i++) {
      ControlledStrand s = strands[i];
      s.hadPermit = s.permit;
      s.loopStart = 0;
    }
  }

  private void beginCheck() {
    phase = CHECK;
    Trial t = trial;
    if (t != null) {
      add(0, keyOf(-2, 0), "check", false, t::check);
    }
  }

  /** Runs a strand that has not begun, on the calling thread; returns another to be run on it, or null. */
  @Nullable ControlledStrand carry(ControlledStrand s, Carrier on) {
    s.carrier = on;
    s.bind();
    try {
      s.body.run();
    } catch (Unwind u) {
      if (!aborting) {
        fail(s, u);
      }
    } catch (Throwable t) {
      if (!aborting) {
        fail(s, t);
      }
    }
    ControlledStrand.unbind();
    s.ended = true;
    effect(Names.life(s.key), Steps.WRITE);
    if (s.actor && !s.atEnd) {
      actorsLeft--;
    }
    ControlledStrand next = pass(null);
    if (next == null || next.carrier != null) {
      pool.rest(on);
      if (next == null) {
        session.over();
      } else {
        pool.handTo(next);
      }
      return null;
    }
    return next;
  }

  private void fail(ControlledStrand s, Throwable t) {
    giveUp(new Outcome(Outcome.Kind.FAILURE, s.name() + ": " + t, t));
  }

  private void giveUp(Outcome o) {
    outcome = o;
    aborting = true;
  }

  // ------------------------------------------------------------------------------------------------ turns

  /** The strand has come to a point where another may run. Returns when it has the turn. */
  private void reach(ControlledStrand me) {
    ControlledStrand next = pass(me);
    if (next == null) {
      throw new IllegalStateException("an execution ended under " + me);
    }
    if (next != me) {
      pool.handTo(next);
      Carrier.await(me);
    }
    if (aborting) {
      throw Unwind.NOW;
    }
  }

  /** Chooses who is next, and begins its step. */
  private @Nullable ControlledStrand pass(@Nullable ControlledStrand me) {
    progress.lazySet(progress.getPlain() + 1);
    turns++;
    ControlledStrand next = aborting ? null : choose(me);
    if (aborting) {
      next = unwind(me);
    }
    if (next == null) { // the execution has ended
      next = session.finished();
    }
    running = next;
    return next;
  }

  private @Nullable ControlledStrand choose(@Nullable ControlledStrand me) {
    while (true) {
      long mask = enabled(false);
      if (mask == 0) {
        if (phase == SET_UP && strands[0].ended) {
          if (actorsLeft > 0 || !addActors()) {
            beginExplored();
          }
          continue;
        }
        if (phase == EXPLORED && actorsLeft == 0) {
          beginCheck();
          continue;
        }
        if (phase == CHECK && strands[count - 1].ended) {
          aborting = true; // services that are left
          return null;
        }
        if (advanceTime()) {
          continue;
        }
        mask = enabled(true);
        if (mask == 0) {
          giveUp(Stuck.of(strands, count, trial));
          return null;
        }
      }
      if (phase != EXPLORED) {
        ControlledStrand next = strands[Long.numberOfTrailingZeros(mask)];
        if (me != null && (mask & (1L << me.index)) != 0 && me.wait != Wait.PAUSE) {
          next = me;
        }
        step(next, mask);
        return next;
      }
      if (steps.count() >= stepLimit) {
        giveUp(new Outcome(Outcome.Kind.STEP_LIMIT, "more than " + stepLimit + " steps", null));
        return null;
      }
      int chosen = session.chooser().choose(this, mask, last);
      if (chosen < 0 || (mask & (1L << chosen)) == 0) {
        giveUp(
            chosen == Chooser.COVERED
                ? Outcome.COVERED
                : new Outcome(Outcome.Kind.DIVERGED, "step " + steps.count() + ": strand " + chosen
                    + " is not among those that can go on, " + Long.toBinaryString(mask), null));
        return null;
      }
      last = chosen;
      ControlledStrand next = strands[chosen];
      step(next, mask);
      return next;
    }
  }

  /** Returns a strand that has to unwind; null if none has. */
  private @Nullable ControlledStrand unwind(@Nullable ControlledStrand me) {
    if (me != null && !me.ended) {
      return me;
    }
    for (; unwinding < count; unwinding++) {
      ControlledStrand s = strands[unwinding];
      if (!s.ended && s.carrier != null) {
        return s;
      }
      s.ended = true;
    }
    return null;
  }

  private long enabled(boolean anyPause) {
    long mask = 0;
    for (int i = 0; i < count; i++) {
      if (waits.isEnabled(strands[i], anyPause, phase, now, turns)) {
        mask |= 1L << i;
      }
    }
    return mask;
  }

  private boolean advanceTime() {
    long first = Long.MAX_VALUE;
    for (int i = 0; i < count; i++) {
      ControlledStrand s = strands[i];
      if (!s.ended && (s.wait == Wait.PARK_TIMED || s.wait == Wait.JOIN)) {
        first = Math.min(first, s.deadline);
      }
    }
    if (first == Long.MAX_VALUE) {
      return false;
    }
    now = first;
    advanced = true;
    return true;
  }

  /** Begins a step: what the strand waited for is there, and it takes it. */
  private void step(ControlledStrand s, long mask) {
    boolean explored = phase == EXPLORED;
    if (explored) {
      steps.open(s.index, s.kind, s.wait, mask, s.name, s.subject);
    }
    switch (s.wait) {
      case START, GATE:
        effect(Names.life(s.key), 0);
        break;
      case LOCK:
        s.held++;
        effect(s.name, Steps.WRITE | Steps.ACQUIRE);
        break;
      case PARK, PARK_TIMED:
        if (advanced && !s.permit) {
          effect(Names.ALL, Steps.WRITE);
        }
        s.permit = false;
        effect(Names.permit(s.key), Steps.WRITE);
        break;
      case JOIN:
        if (advanced && s.target != null && !s.target.ended) {
          effect(Names.ALL, Steps.WRITE);
        }
        effect(s.name, 0);
        break;
      case PAUSE:
        beginTurnOfLoop(s);
        break;
      default:
        if (s.kind == StepKind.TRY_LOCK) {
          tried(s);
        } else if (s.name != 0) {
          effect(s.name, s.change ? Steps.WRITE : 0);
        }
        break;
    }
    if (explored && s.wait != Wait.PARK && s.wait != Wait.PARK_TIMED) {
      steps.add(Names.permit(s.key), 0); // it may look at what a waker changed before it gave the permit
    }
    advanced = false;
    s.wait = Wait.NONE;
  }

  private void tried(ControlledStrand s) {
    boolean gets = s.subject instanceof StrandLock lock && lock.owner() == null;
    s.held += gets ? 1 : 0;
    effect(s.name, gets ? Steps.WRITE | Steps.ACQUIRE : 0);
  }

  private void beginTurnOfLoop(ControlledStrand s) {
    if (phase == EXPLORED) {
      steps.since(s.loopStart);
      if (!s.ready) {
        effect(Names.ALL, Steps.WRITE);
      }
      for (long n : s.watch) {
        effect(n, 0);
      }
      s.loopStart = steps.count();
    }
  }

  // ------------------------------------------------------------------------------------------------ strands' calls

  void announce(ControlledStrand me, StepKind kind, @Nullable Object subject) {
    if (aborting) {
      return; // unlocking on its way out
    }
    long name = subject == null || !isShared(kind, subject) ? 0 : names.of(subject, me);
    if (kind == StepKind.UNLOCK) {
      me.held--;
      effect(name, Steps.WRITE | Steps.RELEASE);
      name = 0;
    }
    me.kind = kind;
    me.subject = subject;
    me.name = name;
    me.change = kind != StepKind.READ;
    if (phase != EXPLORED) {
      if (kind == StepKind.TRY_LOCK) {
        tried(me);
        return;
      }
      if (kind != StepKind.LOCK || (subject instanceof StrandLock lock && lock.owner() == null)) {
        me.held += kind == StepKind.LOCK ? 1 : 0;
        return;
      }
    }
    if (kind == StepKind.LOCK) {
      me.wait = Wait.LOCK;
    } else if (!fine && (kind == StepKind.UNLOCK ? me.held == 0 : name == 0)) {
      return;
    }
    reach(me);
  }

  /** Returns whether a point of this kind is about something that others see. */
  private static boolean isShared(StepKind kind, Object subject) {
    switch (kind) {
      case SLEEP, WAKEUP, YIELD, CLOCK, DISK_SUBMIT:
        return false; // locks guard what these do
      case CPU:
        return subject instanceof Subject; // a processor; its scheduler has a lock
      default:
        return true;
    }
  }

  boolean cas(ControlledStrand me, Object word, BooleanSupplier cas) {
    if (aborting) {
      return true;
    }
    me.kind = StepKind.ATOMIC;
    me.subject = word;
    me.name = names.of(word, me);
    me.change = false;
    if (phase == EXPLORED) {
      reach(me);
    }
    boolean done = cas.getAsBoolean();
    if (done) {
      effect(me.name, Steps.WRITE);
    }
    return done;
  }

  void awaitFree(ControlledStrand me, StrandLock lock) {
    if (aborting) {
      throw Unwind.NOW;
    }
    throw new IllegalStateException(me + " had the turn but not " + lock + ", which is held by " + lock.owner());
  }

  void park(ControlledStrand me, Wait wait, long nanos) {
    if (aborting) {
      throw Unwind.NOW;
    }
    me.kind = StepKind.SLEEP;
    me.subject = null;
    me.name = Names.permit(me.key);
    me.wait = wait;
    me.deadline = now + nanos < now ? Long.MAX_VALUE - 1 : now + Math.max(0, nanos);
    reach(me);
  }

  void unpark(ControlledStrand s) {
    if (!aborting) {
      s.permit = true; // also of one that has ended: whether it has is no less a race
      effect(Names.permit(s.key), Steps.SIGNAL);
    }
  }

  void pause(ControlledStrand me) {
    if (aborting) {
      throw Unwind.NOW;
    }
    me.kind = StepKind.YIELD;
    me.subject = null;
    me.name = 0;
    me.wait = Wait.PAUSE;
    me.pausedAt = turns;
    if (phase == EXPLORED) {
      me.watch = waits.watched(me);
      me.scanned = me.loopStart;
      me.ready = false;
    }
    reach(me);
  }

  boolean join(ControlledStrand target, long nanos) {
    if (target.ended) {
      effect(Names.life(target.key), 0);
      return true;
    }
    if (aborting) {
      throw Unwind.NOW;
    }
    ControlledStrand me = (ControlledStrand) Strand.current();
    me.kind = StepKind.SLEEP;
    me.subject = target;
    me.name = Names.life(target.key);
    me.wait = Wait.JOIN;
    me.target = target;
    me.deadline = now + nanos < now ? Long.MAX_VALUE : now + nanos;
    reach(me);
    return target.ended;
  }

  /** Notes what the step that is being made reads or changes. */
  void effect(long name, int flags) {
    if (phase == EXPLORED && steps.count() > 0 && !aborting) {
      steps.add(name, flags);
    }
  }

  long now() {
    return now;
  }

  Carrier.Pool pool() {
    return pool;
  }
}
