package dev.faultline.lin.explore.dpor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.Programs;
import dev.faultline.lin.explore.Programs.NamedLock;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.Session;
import dev.faultline.lin.explore.engine.SharedWord;
import dev.faultline.lin.explore.engine.Trial;
import dev.faultline.lin.explore.strategy.PreemptionBounded;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** On random small programs the reduction explores exactly the classes that all schedules together have, each once. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class BruteForceTest {
  private static final int SCHEDULES_MAX = 2_000;

  /** Operations of each strand: what, and on which of two things each. */
  private record Ops(int[][][] ops) {
    static Ops random(SplittableRandom r) {
      int[][][] all = new int[2 + r.nextInt(2)][][];
      for (int i = 0; i < all.length; i++) {
        all[i] = new int[1 + r.nextInt(3)][];
        for (int k = 0; k < all[i].length; k++) {
          all[i][k] = new int[] {r.nextInt(10), r.nextInt(2), r.nextInt(2)};
        }
      }
      return new Ops(all);
    }

    Program program() {
      return strands -> {
        SharedWord[] words = Programs.words("w", 2);
        NamedLock[] locks = {new NamedLock("l0"), new NamedLock("l1")};
        Strand[] actors = new Strand[ops.length];
        List<Trial.Actor> all = new ArrayList<>();
        for (int i = 0; i < ops.length; i++) {
          int n = i;
          Runnable body =
              () -> {
                for (int[] op : ops[n]) {
                  step(op, n, words, locks, actors);
                }
              };
          all.add(new Trial.Actor("t" + i, () -> actors[n] = Strand.current(), body, null));
        }
        return () -> all;
      };
    }

    private static void step(int[] op, int i, SharedWord[] words, NamedLock[] locks, Strand[] actors) {
      SharedWord w = words[op[1]];
      NamedLock lock = locks[op[2]];
      switch (op[0]) {
        case 0 -> w.get();
        case 1 -> w.set(i);
        case 2 -> w.compareAndSet(0, 1 + i);
        case 3 -> {
          lock.lock();
          w.get();
          lock.unlock();
        }
        case 4 -> {
          if (lock.tryAcquire(Strand.current())) {
            w.set(5);
            lock.unlock();
          }
        }
        case 5 -> {
          lock.lock();
          locks[1 - op[2]].lock();
          locks[1 - op[2]].unlock();
          lock.unlock();
        }
        case 6 -> {
          if (w.get() == 0) {
            Strand.current().park();
          }
        }
        case 7 -> {
          w.getAndAdd(1);
          actors[(i + 1) % actors.length].unpark();
        }
        case 8 -> {
          lock.lock();
          Strand.tell(w.subjectName(), true); // a gauge that the lock guards, and others read without it
          lock.unlock();
        }
        default -> actors[(i + 1) % actors.length].unpark();
      }
    }

    @Override
    public String toString() {
      return Arrays.deepToString(ops);
    }
  }

  private static boolean isStuckOnALock(Outcome o) {
    return o.kind() == Outcome.Kind.DEADLOCK && o.message().contains("held by");
  }

  @Test
  void reduction_exploresEachClassOnce() {
    SplittableRandom seeds = new SplittableRandom(5);
    int compared = 0;
    long classes = 0;
    int split = 0;
    for (int n = 0; n < Integer.getInteger("faultline.explore.programs", 120); n++) {
      Ops ops = Ops.random(seeds.split());
      ClassSketch sketch = new ClassSketch();
      Set<Long> all = new HashSet<>();
      int[] left = {SCHEDULES_MAX};
      boolean[] stuck = new boolean[2]; // on a lock; in any schedule, in any that the reduction explores
      try (Session s = new Session(ops.program(), new PreemptionBounded(1000), Session.Options.DEFAULT)) {
        s.run(
            (e, o) -> {
              all.add(sketch.of(e));
              stuck[0] |= isStuckOnALock(o);
              return --left[0] > 0;
            });
      }
      if (left[0] <= 0) {
        continue;
      }
      OptimalDpor dpor = new OptimalDpor();
      Set<Long> explored = new HashSet<>();
      try (Session s = new Session(ops.program(), dpor, Session.Options.DEFAULT)) {
        s.run(
            (e, o) -> {
              stuck[1] |= isStuckOnALock(o);
              return o.kind() == Outcome.Kind.COVERED || explored.add(sketch.of(e)) || !all.isEmpty();
            });
      }
      assertThat(stuck[1]).as("a deadlock of locks in program %d: %s", n, ops).isEqualTo(stuck[0]);
      if (stuck[0]) { // an exploration ends there: what lies behind it is nobody's concern
        assertThat(all).containsAll(explored);
        continue;
      }
      assertThat(explored).as("classes of program %d: %s", n, ops).isEqualTo(all);
      assertThat(dpor.classes()).as("executions of program %d: %s", n, ops).isEqualTo(all.size());
      assertThat(dpor.divergences()).as("steps of program %d that surprised: %s", n, ops).isZero();
      compared++;
      classes += all.size();
      split += inParts(ops, sketch, all) > 1 ? 1 : 0;
    }
    assertThat(compared).isGreaterThan(40);
    assertThat(classes).isGreaterThan(150);
    assertThat(split).as("programs in parts").isGreaterThan(15);
  }

  /** Explores a program in parts, one after the other; returns how many, 0 if they could not be told apart. */
  private static int inParts(Ops ops, ClassSketch sketch, Set<Long> all) {
    Parts parts = new Parts(4);
    Set<Long> explored = new HashSet<>();
    int n = 0;
    for (OptimalDpor part = parts.take(); part != null; part = parts.take()) {
      OptimalDpor p = part;
      try (Session s = new Session(ops.program(), p, Session.Options.DEFAULT)) {
        s.run(
            (e, o) -> {
              if (o.kind() != Outcome.Kind.COVERED && !p.isElsewhere() && !p.isDoubtful()) {
                assertThat(explored.add(sketch.of(e))).as("first time of a class of %s, %s", ops, p).isTrue();
              }
              return true;
            });
      }
      if (p.isDoubtful()) {
        return 0;
      }
      assertThat(p.divergences()).as("steps of a part of %s, %s", ops, p).isZero();
      parts.done(p);
      n++;
    }
    assertThat(explored).as("classes of %s in %d parts", ops, n).isEqualTo(all);
    return n;
  }

  /** A step that takes a lock and changes what another read while it held the lock: the two cannot be turned round. */
  @Test
  void reduction_plansNothingThatCannotBe_whereALockGuardsARacyWord() {
    Ops ops = new Ops(new int[][][] {{{3, 0, 0}}, {{3, 1, 0}}, {{8, 0, 0}}});
    OptimalDpor dpor = new OptimalDpor();
    try (Session s = new Session(ops.program(), dpor, Session.Options.DEFAULT)) {
      s.run((e, o) -> !o.isFinding());
    }
    assertThat(dpor.classes()).isEqualTo(6);
    assertThat(dpor.divergences()).isZero();
  }

  /** Whether two strands' steps at a word conflict depends on who comes first by another: no parts can be made. */
  @Test
  void parts_thatHaveClassesInCommon_areSeen_andAllIsExploredAlone() throws InterruptedException {
    Program program =
        strands -> {
          SharedWord[] words = Programs.words("w", 2);
          return Programs.trial(
              3,
              n -> {
                if (n == 0) {
                  words[1].get();
                } else if (n == 2) {
                  words[0].set(1);
                } else if (words[0].get() == 0) {
                  words[1].set(1);
                } else {
                  words[1].get();
                }
              });
        };
    long alone = new Explorer(program).exhaust(1).executions();
    assertThat(alone).isEqualTo(3); // w and f in both orders, or the set of f first
    Parts parts = new Parts(2);
    boolean seen = false;
    for (OptimalDpor p = parts.take(); p != null; p = parts.take()) {
      try (Session s = new Session(program, p, Session.Options.DEFAULT)) {
        s.run((e, o) -> true);
      }
      seen |= p.isDoubtful();
      parts.done(p);
    }
    assertThat(seen).isTrue();
    assertThat(new Explorer(program).exhaust(2).executions()).isEqualTo(alone);
  }
}
