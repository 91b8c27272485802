package dev.faultline.lin.explore.engine;

/** What a {@link Chooser} sees of the execution that is under way. */
public interface Execution {
  /** Returns the steps made so far. The last one is complete when the chooser is asked. */
  Steps steps();

  /** Returns the number of strands that there are, started or not. */
  int strands();

  /** Returns the name of a strand. */
  String name(int strand);

  /** Returns whether a strand is one of the program's actors, and not one that serves them. */
  boolean isActor(int strand);

  /** Returns a strand's key: the same number in every execution in which it came into being in the same way. */
  int key(int strand);

  /** Returns the strand with a key, or -1. */
  int withKey(int key);

  /** Returns the step that started a strand, or -1 if it was there at the beginning. */
  int startedBy(int strand);

  /** Returns whether a strand had its permit when the explored part began. */
  boolean hadPermit(int strand);

  /** Returns the name of what the step that a strand is about to make is announced with, or 0. */
  long about(int strand);

  /** Returns whether what a strand is about to do is to take a lock. */
  boolean wantsLock(int strand);

  /** Returns the entries, as far as they are announced, of the step that a strand is about to make. */
  long[] pending(int strand);

  /** Returns how it ended, once it has. */
  Outcome outcome();
}
