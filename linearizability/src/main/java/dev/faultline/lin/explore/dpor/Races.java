package dev.faultline.lin.explore.dpor;

import dev.faultline.lin.explore.engine.Execution;
import dev.faultline.lin.explore.engine.Names;
import dev.faultline.lin.explore.engine.Steps;
import dev.faultline.lin.explore.engine.Steps.Wait;
import java.util.Arrays;

/** Which steps of an execution happen before which, and which pairs could be turned round. */
final class Races {
  /*
   * Implementation overview
   *
   * Clocks       one vector a step: how many steps of each strand happen before it or are it. Recomputed for the whole
   *              execution, in the buffers of the last one.
   * A race       is a pair (e, i) of different strands that conflict with nothing in between: e does not happen before
   *              another predecessor of i. Candidates are gone through from the latest back, joining their clocks.
   * Reversible   if i could be made without e: the lock that it takes is free, the permit that it takes is there,
   *              in what is left when e and all that depends on e is taken out.
   * Locks        who waits for a lock that is held comes after its release and cannot come before that; the race is
   *              with the step that acquired it. What happens between the two in the holder's hands counts as part of
   *              it.
   */
  /** Hears of reversible races. */
  interface Sink {
    void race(int e, int i);
  }

  private Steps steps = new Steps();
  private int n;
  private int strands;
  private int[] clocks = new int[0]; // step * strands + strand
  private int[] ordinal = new int[0]; // of a step among its strand's, from 1
  private int[] lastOf = new int[0]; // a strand's latest step
  private final ObjectTable objects = new ObjectTable();
  private int[] candidates = new int[64];
  private int candidateCount;
  private int[] joined = new int[0];
  private int[] raceSteps = new int[64]; // pairs
  private int raceCount;

  /** Finds the reversible races whose second step is {@code from} or later. */
  void find(Execution e, int from) {
    steps = e.steps();
    n = steps.count();
    strands = e.strands();
    if (clocks.length < n * strands) {
      clocks = new int[2 * n * strands];
    }
    if (ordinal.length < n) {
      ordinal = new int[2 * n];
    }
    if (lastOf.length < strands) {
      lastOf = new int[strands];
      joined = new int[strands];
    }
    Arrays.fill(lastOf, 0, strands, -1);
    objects.clear(strands);
    raceCount = 0;
    int barrier = -1;
    for (int i = 0; i < n; i++) {
      int s = steps.strand(i);
      Arrays.fill(joined, 0, strands, 0);
      int before = lastOf[s];
      if (before >= 0) {
        join(before);
      } else if (e.startedBy(s) >= 0) {
        join(e.startedBy(s));
      }
      ordinal[i] = before < 0 ? 1 : ordinal[before] + 1;
      if (barrier >= 0) {
        join(barrier);
      }
      boolean all = false;
      candidateCount = 0;
      int lock = -1; // the object whose last release this step waited for
      for (int k = steps.from(i); k < steps.to(i); k++) {
        long name = steps.name(k);
        if (name == Names.ALL) {
          all = true;
          continue;
        }
        int o = objects.of(name);
        if (steps.wait(i) == Wait.LOCK && (steps.flags(k) & Steps.ACQUIRE) != 0 && name == steps.primary(i)) {
          lock = o;
        } else {
          objects.candidates(o, steps.flags(k), s, this);
        }
      }
      if (all) {
        for (int t = 0; t < strands; t++) {
          if (lastOf[t] >= 0) {
            join(lastOf[t]);
          }
        }
        barrier = i;
      }
      settle(e, i, lock, from);
      joined[s] = ordinal[i];
      System.arraycopy(joined, 0, clocks, i * strands, strands);
      lastOf[s] = i;
      for (int k = steps.from(i); k < steps.to(i); k++) {
        if (steps.name(k) != Names.ALL) {
          objects.accessed(objects.of(steps.name(k)), steps.flags(k), s, i);
        }
      }
    }
  }

  /** Tells of the races that were found. */
  void each(Sink sink) {
    for (int k = 0; k < raceCount; k += 2) {
      sink.race(raceSteps[k], raceSteps[k + 1]);
    }
  }

  private void found(int e, int i) {
    if (raceCount == raceSteps.length) {
      raceSteps = Arrays.copyOf(raceSteps, 2 * raceCount);
    }
    raceSteps[raceCount++] = e;
    raceSteps[raceCount++] = i;
  }

  void candidate(int step) {
    if (step < 0) {
      return;
    }
    if (candidateCount == candidates.length) {
      candidates = Arrays.copyOf(candidates, 2 * candidateCount);
    }
    candidates[candidateCount++] = step;
  }

  /** Goes through the candidates of step i, and joins their clocks. */
  private void settle(Execution e, int i, int lock, int from) {
    int acquired = lock < 0 ? -1 : objects.acquired(lock);
    int released = lock < 0 ? -1 : objects.released(lock);
    if (lock >= 0) {
      if (acquired >= 0 && acquired == released) {
        candidate(acquired); // a critical section that is one step
      }
      objects.otherThanHolders(lock, this);
    }
    Arrays.sort(candidates, 0, candidateCount);
    boolean section = acquired >= 0 && acquired != released;
    boolean lockRace = section && i >= from && steps.strand(acquired) != steps.strand(i) && !isJoined(acquired);
    for (int c = candidateCount - 1; c >= 0; c--) {
      int x = candidates[c];
      if (c < candidateCount - 1 && x == candidates[c + 1]) {
        continue;
      }
      boolean inSection = section && steps.strand(x) == steps.strand(acquired) && x >= acquired && x <= released;
      if (!isJoined(x)) {
        if (i >= from && !inSection && isPossible(e, x, i)) {
          found(x, i);
        }
        if (lockRace && !inSection && happensBefore(acquired, x)) {
          lockRace = false;
        }
      }
      if (!inSection) {
        join(x);
      }
    }
    if (lockRace) {
      found(acquired, i);
    }
    for (int c = 0; c < candidateCount; c++) {
      join(candidates[c]);
    }
    if (released >= 0) {
      join(released);
    }
  }

  private boolean isJoined(int x) {
    return joined[steps.strand(x)] >= ordinal[x];
  }

  private void join(int x) {
    int at = x * strands;
    for (int t = 0; t < strands; t++) {
      joined[t] = Math.max(joined[t], clocks[at + t]);
    }
  }

  /** Returns which of its strand's steps a step is, from 1. */
  int ordinal(int step) {
    return ordinal[step];
  }

  /** Returns how many steps of a strand happen before a step, or are it. */
  int clock(int step, int strand) {
    return clocks[step * strands + strand];
  }

  /** Returns whether x is y or happens before it. */
  boolean happensBefore(int x, int y) {
    return clocks[y * strands + steps.strand(x)] >= ordinal[x];
  }

  /** Returns whether a step stays when {@code e} and what depends on it is taken out. */
  private boolean stays(int x, int e) {
    return x < e || !happensBefore(e, x);
  }

  /** Returns whether i, which the next steps do not include yet, can be made without e and what depends on it. */
  private boolean isPossible(Execution exec, int e, int i) {
    switch (steps.wait(i)) {
      case LOCK:
        return isFree(e, i);
      case PARK, PARK_TIMED:
        return hasPermit(exec, e, i);
      case PAUSE:
        return isChanged(e, i);
      case JOIN:
        return !has(e, steps.primary(i), Steps.WRITE);
      default:
        return true;
    }
  }

  /**
   * Returns whether the lock that step i takes is free without e: the last of those that took it and stay gave it back
   * in a step that stays. A section that e is part of does not.
   */
  private boolean isFree(int e, int i) {
    long name = steps.primary(i);
    int holder = i - 1;
    while (holder >= 0 && !(stays(holder, e) && has(holder, name, Steps.ACQUIRE))) {
      holder--;
    }
    if (holder < 0) {
      return true;
    }
    for (int j = holder; j < i; j++) {
      if (steps.strand(j) == steps.strand(holder) && has(j, name, Steps.RELEASE)) {
        return stays(j, e);
      }
    }
    return false;
  }

  private boolean hasPermit(Execution exec, int e, int i) {
    long permit = steps.primary(i);
    int s = steps.strand(i);
    for (int j = i - 1; j >= 0; j--) {
      if (steps.strand(j) == s && (steps.wait(j) == Wait.PARK || steps.wait(j) == Wait.PARK_TIMED)) {
        return false;
      }
      if (stays(j, e) && j != e && has(j, permit, Steps.SIGNAL)) {
        return true;
      }
    }
    return exec.hadPermit(s);
  }

  private boolean has(int j, long name, int flag) {
    for (int k = steps.from(j); k < steps.to(j); k++) {
      if (steps.name(k) == name && (steps.flags(k) & flag) != 0) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether something that step i waited for is changed by a step that stays. */
  private boolean isChanged(int e, int i) {
    for (int j = steps.since(i, 0); j < i; j++) {
      if (j != e && steps.strand(j) != steps.strand(i) && stays(j, e)) {
        for (int k = steps.from(i); k < steps.to(i); k++) {
          if ((steps.flags(k) & Steps.WRITE) == 0 && has(j, steps.name(k), Steps.WRITE)) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
