package dev.faultline.lin.explore.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** The strands and steps of the execution under way. Belongs to whoever has the turn. */
abstract class ExecutionState implements Execution {
  static final int MAX_STRANDS = 64;

  final Names names = new Names();
  final Steps steps = new Steps();
  final ControlledStrand[] strands = new ControlledStrand[MAX_STRANDS];
  int count;
  Outcome outcome = Outcome.DONE;
  private final Map<Long, Integer> keys = new HashMap<>(); // {parent's key, nth child} to key; for the whole session
  private int[] withKey = new int[256];

  ExecutionState() {
    Arrays.fill(withKey, -1);
  }

  /** Makes room for the next execution. */
  final void forget() {
    for (int i = 0; i < count; i++) {
      withKey[strands[i].key] = -1;
    }
    Arrays.fill(strands, 0, count, null);
    count = 0;
    outcome = Outcome.DONE;
    steps.clear();
    names.clear();
  }

  /** Returns the key of a strand by its parent's, and which of its children it is. */
  final int keyOf(int parent, int nth) {
    long pair = ((long) parent << 32) | nth;
    Integer key = keys.get(pair);
    if (key == null) {
      key = keys.size() + 1;
      keys.put(pair, key);
    }
    return key;
  }

  final void keep(ControlledStrand s) {
    strands[count] = s;
    if (s.key >= withKey.length) {
      int was = withKey.length;
      withKey = Arrays.copyOf(withKey, 2 * s.key);
      Arrays.fill(withKey, was, withKey.length, -1);
    }
    withKey[s.key] = count++;
  }

  @Override
  public Steps steps() {
    return steps;
  }

  @Override
  public int strands() {
    return count;
  }

  @Override
  public String name(int strand) {
    return strands[strand].name();
  }

  @Override
  public boolean isActor(int strand) {
    return strands[strand].actor;
  }

  @Override
  public int key(int strand) {
    return strands[strand].key;
  }

  @Override
  public int withKey(int key) {
    return key < withKey.length ? withKey[key] : -1;
  }

  @Override
  public int startedBy(int strand) {
    return strands[strand].startedBy;
  }

  @Override
  public boolean hadPermit(int strand) {
    return strands[strand].hadPermit;
  }

  @Override
  public long about(int strand) {
    return strands[strand].name;
  }

  @Override
  public boolean wantsLock(int strand) {
    return strands[strand].wait == Steps.Wait.LOCK;
  }

  @Override
  public long[] pending(int strand) {
    ControlledStrand s = strands[strand];
    return s.name == 0 ? new long[0] : new long[] {s.name << Steps.FLAG_BITS | (s.change ? Steps.WRITE : 0)};
  }

  @Override
  public Outcome outcome() {
    return outcome;
  }

  void outcome(Outcome o) {
    outcome = o;
  }

  ControlledStrand strand(int i) {
    return strands[i];
  }
}
