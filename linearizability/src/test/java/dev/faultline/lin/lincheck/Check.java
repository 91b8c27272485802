package dev.faultline.lin.lincheck;

import dev.faultline.vm.base.KernelPanic;

/** Checks of the suites' validation methods. */
final class Check {
  private Check() {}

  /** Panics with the state unless {@code condition} holds. */
  static void holds(boolean condition, String message, Object... state) {
    if (!condition) {
      throw KernelPanic.of(message, state);
    }
  }
}
