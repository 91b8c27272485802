package dev.faultline.vm.program;

/**
 * What the kernel answers to a command of a process. Any but {@link #OK} and {@link #SIGKILL} is printed by its name.
 */
public enum Reply {
  /** Done. */
  OK,
  /** An access was refused: no mapping, or a failed disk. */
  SIGSEGV,
  /** An access was refused with KERN_PROTECTION_FAILURE: by the protection, or beyond the object's end. */
  SIGBUS,
  /**
   * The process was killed, for want of memory or because the run is being stopped. Its section ends; the command may
   * be half done.
   */
  SIGKILL,
  EPERM,
  EIO,
  ENOMEM,
  EACCES,
  EFAULT,
  EINVAL,
  EFBIG,
  ENOSPC,
  EAGAIN,
  /** The child does not exist, because its fork was refused. */
  ECHILD,
  EOPNOTSUPP
}
