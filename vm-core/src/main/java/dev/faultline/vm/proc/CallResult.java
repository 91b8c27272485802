package dev.faultline.vm.proc;

/** What user code gets for an access or a system call: done, a signal, or an error number. */
public enum CallResult {
  OK,
  /** An access was refused: no mapping, or a failed disk. */
  SIGSEGV,
  /** An access was refused with KERN_PROTECTION_FAILURE. */
  SIGBUS,
  /** The process has been killed: it is to exit now. What it asked for may be half done. */
  SIGKILL,
  EPERM,
  EIO,
  ECHILD,
  EAGAIN,
  ENOMEM,
  EACCES,
  EFAULT,
  EINVAL,
  EFBIG,
  ENOSPC,
  EOPNOTSUPP
}
