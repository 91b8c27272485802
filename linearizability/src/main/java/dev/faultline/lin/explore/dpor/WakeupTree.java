package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Steps;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The ordered tree of step sequences that are still to be explored from one place. */
final class WakeupTree {
  /** A step of a sequence: whose it is, and what it read or changed when it was seen. */
  record Event(int key, long[] entries) {
    boolean dependsOn(Event o) {
      return key == o.key || Steps.conflict(entries, o.entries);
    }
  }

  /** A node, reached by its event. */
  static final class Branch {
    final Event event; // (C)
    final WakeupTree below = new WakeupTree();

    Branch(Event event) {
      this.event = event;
    }
  }

  private final Deque<Branch> branches = new ArrayDeque<>(1);

  boolean isEmpty() {
    return branches.isEmpty();
  }

  Branch removeFirst() {
    return branches.removeFirst();
  }

  /**
   * Returns whether {@code e} could come first of all in a sequence that is equivalent to {@code v} or continues it.
   */
  static boolean isWeakInitial(Event e, List<Event> v) {
    for (Event x : v) {
      if (x.key == e.key) {
        return true; // the same step: nothing before it depends on it
      }
      if (x.dependsOn(e)) {
        return false;
      }
    }
    return true;
  }

  /** Returns the place of {@code key}'s first event if nothing before it in {@code v} depends on it, else -1. */
  private static int initial(int key, List<Event> v) {
    for (int i = 0; i < v.size(); i++) {
      Event x = v.get(i);
      if (x.key == key) {
        for (int j = 0; j < i; j++) {
          if (v.get(j).dependsOn(x)) {
            return -1;
          }
        }
        return i;
      }
    }
    return -1;
  }

  private static boolean contains(int key, List<Event> v) {
    for (Event x : v) {
      if (x.key == key) {
        return true;
      }
    }
    return false;
  }

  /**
   * Adds a sequence unless the tree leads to something equivalent already.
   *
   * @param all the sequence; not changed
   * @return whether it was added
   */
  boolean insert(List<Event> all) {
    List<Event> v = new ArrayList<>(all);
    WakeupTree at = this;
    while (true) {
      Branch into = null;
      for (Branch b : at.branches) {
        if (contains(b.event.key, v)) {
          int i = initial(b.event.key, v);
          if (i < 0) {
            continue;
          }
          v.remove(i);
        } else if (!isWeakInitial(b.event, v)) {
          continue;
        }
        into = b;
        break;
      }
      if (into == null) {
        at.append(v);
        return true;
      }
      at = into.below;
      if (at.isEmpty() || v.isEmpty()) {
        return false; // a leaf: all that continues it will be explored
      }
    }
  }

  private void append(List<Event> v) {
    WakeupTree at = this;
    for (Event e : v) {
      Branch b = new Branch(e);
      at.branches.addLast(b);
      at = b.below;
    }
  }

  int size() {
    return branches.size();
  }

  @Override
  public String toString() {
    return branches.size() + " branches";
  }
}
