package dev.faultline.hw;

/** Something that the clock is to do at a tick; made by {@link Clock#after}. */
public final class Callout {
  final long due; // (C) tick
  final long sequence; // (C) orders callouts of one tick
  final Runnable action; // (C)
  int place = -1; // (W) in the clock's heap; -1 once taken out

  Callout(long due, long sequence, Runnable action) {
    this.due = due;
    this.sequence = sequence;
    this.action = action;
  }

  /** Returns the tick from which on it may run. */
  public long due() {
    return due;
  }

  boolean before(Callout other) {
    return due != other.due ? due < other.due : sequence < other.sequence;
  }

  @Override
  public String toString() {
    return "callout at tick " + due;
  }
}
