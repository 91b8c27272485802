package dev.faultline.vm.program;

/** The ways to touch a page, in the order of their letters {@code r w x}. */
public enum Access {
  READ,
  /** An atomic add of 0, which leaves the content as it is. */
  WRITE,
  EXECUTE;

  private static final Access[] VALUES = values();

  static Access of(int ordinal) {
    return VALUES[ordinal];
  }
}
