package dev.faultline.vm.base;

/** Allocation classes of vm_page_alloc, vm-semantics 1.3. {@link #ZERO} may be or-ed to any. */
public final class AllocClass {
  public static final int NORMAL = 0;
  public static final int INTERRUPT = 1;
  public static final int SYSTEM = 2;
  public static final int ZERO = 0x80;

  private AllocClass() {}
}
