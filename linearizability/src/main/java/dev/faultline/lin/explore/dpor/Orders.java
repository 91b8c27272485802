package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Names;
import dev.faultline.lin.explore.engine.Steps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The orders that an exploration keeps to, and how far the execution under way has come with each. */
final class Orders {
  /*
   * Implementation overview
   *
   * A part       of the classes is given by orders of steps of two actors that are announced with the same thing, each
   *              the strand's nth there. Such steps conflict, so a class has one order or the other, or one of them is
   *              not in it. How often the disk or a daemon comes by a thing depends on too much: half of what is
   *              explored would be the other part's.
   * Keeping to   the strand that is to be second is held, as by a lock, while it is about to make its step and the
   *              other has not. It is let go by a step that its own depends on, so what commutes is as before.
   * Doubt        Steps that do not conflict are none that parts can be told apart by; and beyond a lock that is never
   *              taken, as a held strand has it, the reduction does not see. Both are noted.
   */
  private final List<Order> orders;
  private int[] firstAt; // the first of the two steps of order i, -1 if it is not made yet
  private int[] secondAt;
  private int[] firstLeft; // times that the strands come to the thing, until those steps are made
  private int[] secondLeft;
  private int counted; // steps of this execution
  private boolean doubtful;

  Orders(List<Order> given) {
    orders = new ArrayList<>(given);
    int n = orders.size();
    firstAt = new int[n];
    secondAt = new int[n];
    firstLeft = new int[n];
    secondLeft = new int[n];
  }

  /** Returns whether an execution has shown that these orders tell nothing apart. */
  boolean isDoubtful() {
    return doubtful;
  }

  /**
   * Splits the part by the races of the execution that has ended: keeps what has them in the same order.
   *
   * @return the orders of the parts that are given up
   */
  List<List<Order>> split(Execution e, Races races) {
    List<int[]> by = new ArrayList<>();
    races.each(
        (a, b) -> {
          if (tellsApart(e, a, b)) {
            by.add(new int[] {a, b});
          }
        });
    by.sort(Comparator.comparingInt(r -> r[1]));
    List<List<Order>> others = new ArrayList<>();
    for (int[] r : by) {
      Order o = Order.of(e, r[0], r[1]);
      List<Order> other = new ArrayList<>(orders);
      other.add(o.opposite());
      others.add(other);
      add(o, r[0], r[1]);
    }
    return others;
  }

  /** Returns whether parts can be told apart by the order of two steps, and are not yet. */
  private boolean tellsApart(Execution e, int a, int b) {
    Steps s = e.steps();
    if (s.primary(a) != s.primary(b) || !Names.isSure(s.primary(a)) || holdsLock(s, a) || holdsLock(s, b)
        || !e.isActor(s.strand(a)) || !e.isActor(s.strand(b))) {
      return false;
    }
    return orders.stream().noneMatch(Order.of(e, a, b)::isLike);
  }

  /** Returns whether a step is made with a lock held: others could then wait for it, and its strand for them. */
  private static boolean holdsLock(Steps s, int step) {
    int held = 0;
    for (int i = 0; i < step; i++) {
      for (int k = s.from(i); s.strand(i) == s.strand(step) && k < s.to(i); k++) {
        held += (s.flags(k) & Steps.ACQUIRE) != 0 ? 1 : 0;
        held -= (s.flags(k) & Steps.RELEASE) != 0 ? 1 : 0;
      }
    }
    return held != 0;
  }

  private void add(Order o, int first, int second) {
    orders.add(o);
    int n = orders.size();
    firstAt = Arrays.copyOf(firstAt, n);
    secondAt = Arrays.copyOf(secondAt, n);
    firstLeft = Arrays.copyOf(firstLeft, n);
    secondLeft = Arrays.copyOf(secondLeft, n);
    firstAt[n - 1] = first;
    secondAt[n - 1] = second;
  }

  void begin() {
    Arrays.fill(firstAt, -1);
    Arrays.fill(secondAt, -1);
    counted = 0;
    for (int i = 0; i < firstAt.length; i++) {
      firstLeft[i] = orders.get(i).nth();
      secondLeft[i] = orders.get(i).mth();
    }
  }

  /** A step is complete. Said again, as of the last step of an execution that is given up, it changes nothing. */
  void made(Execution e, int step) {
    if (step < counted) {
      return;
    }
    counted = step + 1;
    Steps steps = e.steps();
    long name = steps.primary(step);
    int key = e.key(steps.strand(step));
    for (int i = 0; i < firstAt.length; i++) {
      Order o = orders.get(i);
      if (o.name() == name) {
        if (key == o.first() && --firstLeft[i] == 0) {
          firstAt[i] = step;
        } else if (key == o.second() && --secondLeft[i] == 0) {
          secondAt[i] = step;
          doubtful |= firstAt[i] < 0 || !conflict(steps, firstAt[i], step, name);
        }
      }
    }
  }

  private static boolean conflict(Steps steps, int a, int b, long name) {
    return ((flags(steps, a, name) | flags(steps, b, name)) & Steps.WRITE) != 0;
  }

  private static int flags(Steps steps, int step, long name) {
    for (int k = steps.from(step); k < steps.to(step); k++) {
      if (steps.name(k) == name) {
        return steps.flags(k);
      }
    }
    return 0;
  }

  /** Returns those of the strands that can make a step which are not held. */
  long free(Execution e, long enabled) {
    long free = enabled;
    for (int i = 0; i < firstAt.length; i++) {
      if (firstAt[i] < 0 && secondLeft[i] == 1) {
        Order o = orders.get(i);
        int s = e.withKey(o.second());
        if (s >= 0 && (free & (1L << s)) != 0 && e.about(s) == o.name()) {
          free &= ~(1L << s);
        }
      }
    }
    if (free == 0) {
      stuck(e, enabled);
    }
    return free;
  }

  /** Nobody can go on: what a strand that waits for a lock would have found out by taking it is not known. */
  private void stuck(Execution e, long enabled) {
    for (int s = 0; s < e.strands(); s++) {
      doubtful |= (enabled & (1L << s)) == 0 && e.wantsLock(s);
    }
  }

  /** Returns whether step {@code b} could come without {@code a} and what depends on that: nothing holds it then. */
  boolean allow(Races races, int a, int b) {
    for (int i = 0; i < firstAt.length; i++) {
      if (secondAt[i] == b && firstAt[i] >= a && races.happensBefore(a, firstAt[i])) {
        return false;
      }
    }
    return true;
  }

  /** Returns whether the execution that has ended belongs to another part: who must come first never came. */
  boolean isElsewhere() {
    for (int i = 0; i < firstAt.length; i++) {
      if (orders.get(i).must() && firstAt[i] < 0) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    return orders.toString();
  }
}
