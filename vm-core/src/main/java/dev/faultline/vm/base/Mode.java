package dev.faultline.vm.base;

/** How the kernel excludes its threads from each other; chosen at boot. See vm-semantics 0.2. */
public enum Mode {
  /** Real parallel threads with the locks of vm-semantics section 5. The default. */
  FIXED,
  /** One kernel token, given up only in tsleep and on return to user mode; the mutexes do nothing. What 1995 ran on. */
  UP,
  /** Real parallel threads running the seed's own steps; the mutexes do nothing. Expected to fail. */
  NAIVE
}
