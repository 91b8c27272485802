package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.lin.explore.engine.Steps.Wait;
import org.jspecify.annotations.Nullable;

/** A strand whose schedule is chosen. */
final class ControlledStrand extends Strand {
  final Controller controller; // (C)
  final int index; // (C) in order of creation within the execution
  final int key; // (C) the same in every execution in which it came into being in the same way
  final int startedBy; // (C) the step, or -1
  final boolean actor; // (C) explored, and waited for
  final Runnable body; // (C)

  // The step that it is about to make. Everything below belongs to whoever has the turn.
  Wait wait = Wait.START;
  StepKind kind = StepKind.YIELD;
  @Nullable Object subject;
  long name; // of the subject, 0 for none
  boolean change;
  long deadline;
  @Nullable ControlledStrand target;

  boolean atEnd; // an actor that has done its part
  int gate; // the phase that it waits for

  boolean permit;
  boolean hadPermit; // when the explored part began
  boolean ended;
  int held; // locks
  int children;
  int made;
  int announced;

  // Spinning: what it looked at since it last paused.
  int loopStart;
  long[] watch = {};
  int scanned;
  boolean ready;
  long pausedAt;

  @Nullable Carrier carrier; // null until it begins
  volatile boolean go; // it has the turn; its thread waits for this

  ControlledStrand(
      Controller controller, int index, int number, int key, String name, int startedBy, boolean actor, Runnable body) {
    super(number, name, true);
    this.controller = controller;
    this.index = index;
    this.key = key;
    this.startedBy = startedBy;
    this.actor = actor;
    this.body = body;
  }

  void bind() {
    Strand.bind(this);
  }

  static void unbind() {
    Strand.bind(null);
  }

  @Override
  protected void announce(StepKind k, @Nullable Object s) {
    controller.announce(this, k, s);
  }

  @Override
  protected void awaitFree(StrandLock lock) {
    controller.awaitFree(this, lock);
  }

  @Override
  protected long nameNew() {
    return Names.made(key, ++made);
  }

  @Override
  protected void touched(long n, boolean c) {
    controller.effect(n, c ? Steps.WRITE : 0);
  }

  /** A compare-and-set that fails has changed nothing. */
  boolean cas(Object word, java.util.function.BooleanSupplier cas) {
    return controller.cas(this, word, cas);
  }

  @Override
  public void park() {
    controller.park(this, Wait.PARK, 0);
  }

  @Override
  public void parkNanos(long nanos) {
    controller.park(this, Wait.PARK_TIMED, nanos);
  }

  @Override
  public void unpark() {
    controller.unpark(this);
  }

  @Override
  public void pause(int attempt) {
    controller.pause(this);
  }
}
