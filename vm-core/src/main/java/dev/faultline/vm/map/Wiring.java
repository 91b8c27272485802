package dev.faultline.vm.map;

import dev.faultline.vm.base.KernReturn;

/** What the map package asks of the fault handler, which belongs to a higher package. */
public interface Wiring {
  /**
   * vm_fault_wire: faults in and wires every page of a range. The caller has raised the wired counts, and holds M read
   * as its recursive owner (a user's map) or not at all (the kernel's). May sleep.
   *
   * @return the first fault's code that is not SUCCESS; the caller then lowers the counts and, holding M for writing,
   *     has the range unwired
   */
  KernReturn wire(VmMap map, long start, long end);

  /** vm_fault_unwire: takes the wiring off every PTE of a range that has it. M(map) held for writing; never sleeps. */
  void unwire(VmMap map, long start, long end);

  /**
   * As {@link #unwire}, for a range of which some pages may never have been wired: what a wiring that failed leaves
   * behind.
   */
  default void unwireStrays(VmMap map, long start, long end) {
    unwire(map, start, end);
  }

  /**
   * Returns whether the pages of a wired entry are all there to be copied. Pages of anonymous memory that was protected
   * from all access lost their wirings with their mappings, and may have been paged out since. M(map of the entry) held
   * for writing, and kept until the copy is done.
   */
  default boolean hasAllPages(VmMapEntry e) {
    return true;
  }

  /**
   * vm_fault_copy_entry: gives {@code dst} of the child an object with copies of all pages of the wired {@code src},
   * but those of a file that truncation has taken: these are found through the file. M(srcMap) held for writing,
   * {@code dstMap} seen by nobody else. May sleep for memory.
   *
   * @return false if the process was killed while it waited; the child's object is then incomplete
   */
  boolean copyEntry(VmMap dstMap, VmMap srcMap, VmMapEntry dst, VmMapEntry src);
}
