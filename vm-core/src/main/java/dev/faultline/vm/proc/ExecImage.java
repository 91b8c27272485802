package dev.faultline.vm.proc;

import dev.faultline.vm.map.VmMap;

/**
 * Where a program that is started wants its data segment and its stack; what else it consists of it maps itself.
 *
 * @param dataStart where the data segment begins, which is empty at first; page aligned
 * @param stackTop the address above the stack; page aligned
 */
public record ExecImage(long dataStart, long stackTop) {
  /** Returns the lowest address that the stack can ever have. */
  long stackMin() {
    return stackTop - ResourceLimits.STACK_MAX;
  }

  /** Returns whether an address space has room for it, the data segment being below the stack. */
  boolean fits(VmMap map, int pageSize) {
    return (dataStart & (pageSize - 1)) == 0
        && (stackTop & (pageSize - 1)) == 0
        && dataStart >= map.min()
        && stackTop > 0
        && stackTop <= map.max()
        && dataStart <= stackMin();
  }
}
