package dev.faultline.vm.base;

/** Protections: bit masks of {@link #READ}, {@link #WRITE}, {@link #EXECUTE}. vm-semantics 1.1. */
public final class VmProt {
  public static final int NONE = 0;
  public static final int READ = 1;
  public static final int WRITE = 2;
  public static final int EXECUTE = 4;
  public static final int ALL = 7;

  private VmProt() {}

  /**
   * Returns what the i386 grants for {@code prot}: any right implies READ, since a PTE has one writable bit and nothing
   * else.
   */
  public static int widened(int prot) {
    return prot == NONE ? NONE : prot | READ | EXECUTE;
  }

  /** Returns the three letters of {@code prot}, such as {@code rw-}. */
  public static String toString(int prot) {
    return ((prot & READ) != 0 ? "r" : "-") + ((prot & WRITE) != 0 ? "w" : "-") + ((prot & EXECUTE) != 0 ? "x" : "-");
  }
}
