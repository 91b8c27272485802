package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.dpor.WakeupTree.Branch;
import dev.faultline.lin.explore.dpor.WakeupTree.Event;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Outcome;
import dev.faultline.lin.explore.engine.Steps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Explores one execution of each class of those that differ only in the order of independent steps: of all, or of a
 * part of them, while others explore the rest.
 */
public final class OptimalDpor implements Chooser {
  /*
   * Implementation overview
   *
   * The stack    one node a step of the current execution: who made it, who sleeps there (was explored from there
   *              before, with the step that it made), and the wakeup tree of what is still to be explored from there.
   * An execution follows the stack, then the subtree that comes with its last node's choice, then prefers to go on with
   *              whoever ran; who sleeps is never chosen.
   * Its end      each reversible race (e, i) that it added gives a sequence, what does not depend on e and then i, for
   *              the node before e, unless somebody asleep there could begin it. Then the deepest node with something
   *              left is the next execution's branch.
   * Steps        that are compared with those of other executions are known by what they read and changed when they
   *              were made. A step that is turned round may do something else then; the race that this makes is found
   *              when it is executed.
   * Deadlocks    of locks are all found, one for each class. What is beyond them may not be: a lock that is never taken
   *              races with nobody. An exploration ends at the first, so that its claims hold.
   * Parts        After its first execution a part may be split by a race's two steps, each its strand's nth at a thing:
   *              one part has them in the order of this execution, another in the opposite one, which is possible, as
   *              the race is reversible. The first race's opposite is a part; what is left is split by the second, and
   *              so on; the rest is this one's. Parts have nothing in common and nothing to tell each other (Orders).
   * Diverging    a step of the stack, or of a sequence except its last, that does not do what it did is a sign of
   *              something shared that was not announced. It is counted, and the first is described.
   */
  private static final class Node {
    int key;
    long[] entries = {};
    final List<Event> sleep = new ArrayList<>();
    WakeupTree tree = new WakeupTree();
    @Nullable Event expected; // what the step did when it was put into the tree; null if it may do something else
  }

  /**
   * A part of an exploration.
   *
   * @param orders all that its executions keep to
   * @param weight a guess at how much of the whole it is
   */
  record Part(List<Order> orders, double weight) {}

  private final @Nullable Parts parts; // (C) where parts of this one go; null: it is never split
  private final Orders orders; // (C)
  private double weight;
  private boolean splittable;
  private boolean elsewhere; // the last execution
  private final Races races = new Races();
  private final List<Node> stack = new ArrayList<>();
  private int depth; // nodes in use
  private int replayed; // nodes that the execution under way has to follow
  private @Nullable WakeupTree carried; // what is to be explored below the last node
  private boolean first = true;
  private boolean branched; // the last replayed node is new
  private final List<Event> sequence = new ArrayList<>();
  private long classes;
  private long redundant;
  private long divergences;
  private @Nullable String firstDivergence;

  /** Creates one for all classes. */
  public OptimalDpor() {
    this(new Part(List.of(), 1), null);
  }

  OptimalDpor(Part part, @Nullable Parts parts) {
    this.parts = parts;
    orders = new Orders(part.orders);
    weight = part.weight;
    splittable = parts != null;
  }

  /** Returns whether executions showed that the parts have something in common: then the numbers mean nothing. */
  public boolean isDoubtful() {
    return orders.isDoubtful();
  }

  double weight() {
    return weight;
  }

  /** Returns the executions that were carried through: one for each class. */
  public long classes() {
    return classes;
  }

  /** Returns the executions that were given up because they were covered. */
  public long redundant() {
    return redundant;
  }

  /** Returns how often a step did not do what it had done. */
  public long divergences() {
    return divergences;
  }

  /** Returns the first such step, or null. */
  public @Nullable String firstDivergence() {
    return firstDivergence;
  }

  /** Returns the length of the schedule that is followed before anything new. */
  public int depth() {
    return depth;
  }

  /** Returns an estimate of how much is done, by others too, 0 to 1: what of each node's known branches is behind. */
  public double share() {
    Parts s = parts;
    return s == null ? ownShare() : s.behind() + weight * ownShare();
  }

  private double ownShare() {
    double done = 0;
    double width = 1;
    for (int i = 0; i < depth; i++) {
      Node x = stack.get(i);
      int left = x.tree.size();
      int behind = x.sleep.size() - (i == 0 ? 0 : inherited(i));
      int all = Math.max(0, behind) + 1 + left;
      done += width * Math.max(0, behind) / all;
      width /= all;
    }
    return done;
  }

  private int inherited(int i) {
    return Math.min(stack.get(i).sleep.size(), stack.get(i - 1).sleep.size());
  }

  @Override
  public boolean begin(Execution e) {
    orders.begin();
    if (first) {
      first = false;
      replayed = 0;
      return true;
    }
    while (depth > 0) {
      Node x = stack.get(depth - 1);
      x.sleep.add(new Event(x.key, x.entries));
      if (!x.tree.isEmpty()) {
        take(x);
        replayed = depth;
        branched = true;
        return true;
      }
      depth--;
    }
    return false;
  }

  /** Makes the first branch of a node's tree its choice. */
  private void take(Node x) {
    Branch b = x.tree.removeFirst();
    x.key = b.event.key();
    x.expected = b.below.isEmpty() ? null : b.event;
    carried = b.below;
  }

  @Override
  public int choose(Execution e, long possible, int last) {
    int at = e.steps().count();
    if (at > 0) {
      made(e, at - 1);
    }
    long enabled = orders.free(e, possible);
    if (at < replayed) {
      int s = e.withKey(stack.get(at).key);
      if (s < 0 || (enabled & (1L << s)) == 0) {
        diverged("step " + at + " of a schedule that was followed before: " + name(e, s) + " cannot go on");
        replayed = at;
        depth = at;
        carried = null;
      } else {
        return s;
      }
    }
    Node x = push();
    if (at > 0) {
      Node before = stack.get(at - 1);
      for (Event z : before.sleep) {
        if (z.key() != before.key && !Steps.conflict(z.entries(), before.entries)) {
          x.sleep.add(z);
        }
      }
    }
    WakeupTree tree = carried;
    if (tree != null && !tree.isEmpty()) {
      x.tree = tree;
      take(x);
      int s = e.withKey(x.key);
      if (s >= 0 && (enabled & (1L << s)) != 0) {
        return s;
      }
      diverged("step " + at + " of a sequence that was planned: " + name(e, s) + " cannot go on");
      x.tree = new WakeupTree();
    }
    carried = null;
    x.expected = null;
    return chooseAny(e, x, enabled, last);
  }

  private Node push() {
    if (depth == stack.size()) {
      stack.add(new Node());
    }
    Node x = stack.get(depth++);
    x.sleep.clear();
    x.tree = new WakeupTree();
    return x;
  }

  private int chooseAny(Execution e, Node x, long enabled, int last) {
    long awake = enabled;
    for (Event z : x.sleep) {
      int s = e.withKey(z.key());
      if (s >= 0) {
        awake &= ~(1L << s);
      }
    }
    if (awake == 0) {
      depth--;
      return COVERED;
    }
    int s = last >= 0 && (awake & (1L << last)) != 0 ? last : Long.numberOfTrailingZeros(awake);
    x.key = e.key(s);
    return s;
  }

  /** A step has been made: checks, or learns, what it did. */
  private void made(Execution e, int step) {
    orders.made(e, step);
    if (step >= depth) {
      return;
    }
    Node x = stack.get(step);
    boolean known = step < replayed - (branched ? 1 : 0);
    Event expected = x.expected;
    long[] was = known ? x.entries : expected != null ? expected.entries() : null;
    if (was != null) {
      if (!matches(e.steps(), step, was)) {
        diverged("step " + step + " by " + e.name(e.steps().strand(step)) + " " + e.steps().kind(step) + " did "
            + text(e.steps().entries(step)) + " where it had done " + text(was));
        x.entries = e.steps().entries(step);
      } else if (!known) {
        x.entries = was;
      }
      x.expected = null;
    } else {
      x.entries = e.steps().entries(step);
    }
  }

  private static boolean matches(Steps steps, int step, long[] was) {
    int from = steps.from(step);
    if (steps.to(step) - from != was.length) {
      return false;
    }
    for (int i = 0; i < was.length; i++) {
      if (steps.entry(from + i) != was[i]) {
        return false;
      }
    }
    return true;
  }

  private static String text(long[] entries) {
    StringBuilder b = new StringBuilder();
    for (long x : entries) {
      b.append(b.length() == 0 ? "" : " ").append(Long.toHexString(x));
    }
    return "[" + b + "]";
  }

  private static String name(Execution e, int strand) {
    return strand < 0 ? "a strand that is not there" : e.name(strand);
  }

  private void diverged(String what) {
    divergences++;
    if (firstDivergence == null) {
      firstDivergence = what;
    }
  }

  @Override
  public void end(Execution e) {
    int n = e.steps().count();
    if (n > 0) {
      made(e, n - 1);
    }
    elsewhere = orders.isElsewhere();
    if (elsewhere || e.outcome().kind() == Outcome.Kind.COVERED) {
      redundant++;
    } else {
      classes++;
    }
    int from = branched ? replayed - 1 : 0;
    races.find(e, from);
    if (splittable) {
      splittable = false;
      split(e);
    }
    races.each((a, b) -> reverse(e, a, b));
    branched = false;
  }

  @Override
  public boolean isElsewhere() {
    return elsewhere;
  }

  /** Gives parts of this away, if parts are wanted, by races of the first execution. */
  private void split(Execution e) {
    Parts to = parts;
    if (to == null || elsewhere || !to.isShort()) {
      return;
    }
    List<List<Order>> rest = orders.split(e, races);
    weight /= rest.size() + 1;
    for (List<Order> r : rest) {
      to.add(new Part(r, weight));
    }
  }

  /** Plans an execution in which step b comes without a before it. */
  private void reverse(Execution e, int a, int b) {
    if (!orders.allow(races, a, b)) {
      return;
    }
    Steps steps = e.steps();
    sequence.clear();
    for (int x = a + 1; x < steps.count(); x++) {
      if (!races.happensBefore(a, x)) {
        sequence.add(event(x));
      }
    }
    sequence.add(event(b));
    Node at = stack.get(a);
    for (Event z : at.sleep) {
      if (WakeupTree.isWeakInitial(z, sequence)) {
        return;
      }
    }
    at.tree.insert(sequence);
  }

  private Event event(int step) {
    Node x = stack.get(step);
    return new Event(x.key, x.entries);
  }

  @Override
  public String toString() {
    return "optimal DPOR of " + orders + ": " + classes + " classes, " + redundant + " redundant, stack " + depth + " "
        + Arrays.asList(divergences, firstDivergence);
  }
}
