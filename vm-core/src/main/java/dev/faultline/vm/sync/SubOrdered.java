package dev.faultline.vm.sync;

/** The subject of a mutex whose rank has a sub-order. */
public interface SubOrdered {
  /** Returns whether this subject's mutex may be waited for while {@code held}'s, of the same rank, is held. */
  boolean mayFollow(Object held);
}
