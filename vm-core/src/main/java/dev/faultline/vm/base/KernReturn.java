package dev.faultline.vm.base;

/** What a kernel operation answers. Codes and meanings of vm-semantics 1.2. */
public enum KernReturn {
  SUCCESS,
  INVALID_ADDRESS,
  PROTECTION_FAILURE,
  NO_SPACE,
  INVALID_ARGUMENT,
  FAILURE,
  /** The process was killed while it waited for memory. */
  RESOURCE_SHORTAGE
}
