package dev.faultline.vm.base;

/**
 * The kernel found its own state corrupt: where the original panics. Always on, and never caught but by the harness,
 * which dumps the state first.
 */
public final class KernelPanic extends Error {
  private static final long serialVersionUID = 1L;

  private KernelPanic(String message) {
    super(message);
  }

  /**
   * Returns a panic with the state that proves it.
   *
   * @param message what is impossible, beginning with the function that found it
   * @param state the objects that show it, printed by their toString
   */
  public static KernelPanic of(String message, Object... state) {
    StringBuilder b = new StringBuilder(message);
    for (Object o : state) {
      b.append(" | ").append(o);
    }
    return new KernelPanic(b.toString());
  }
}
