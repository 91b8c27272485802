package dev.faultline.vm.sync;

import org.jspecify.annotations.Nullable;

/**
 * One entry of a list of holders. Immutable.
 *
 * @param holder a thread, or a transfer, or whatever a harness names
 * @param n how many units
 * @param gen generation of the frame when the hold began (I-19); 0 of what is no page
 * @param number of the hold, in the order in which holds began, all over the kernel
 */
record Hold(
    HoldKind kind, Object holder, HoldReason why, int n, long gen, long number, @Nullable Hold next) {

  Hold before(@Nullable Hold list) {
    return new Hold(kind, holder, why, n, gen, number, list);
  }

  Hold of(int units) {
    return new Hold(kind, holder, why, units, gen, number, next);
  }

  String describe() {
    String what = why == HoldReason.UNNAMED ? "" : " for " + why;
    return (n == 1 ? "" : n + " of ") + kind + " by " + holder + what + " since hold " + number;
  }
}
