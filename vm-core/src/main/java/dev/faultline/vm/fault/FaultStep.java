package dev.faultline.vm.fault;

/** How a part of the fault handler ends. */
enum FaultStep {
  /** A page was found, and is ours; O(object) is held. */
  FOUND,
  /** RetryFault: go round again. Nothing is held. */
  RETRY,
  /** The fault ends with {@link FaultState#answer}. Nothing is held. */
  ANSWER
}
