/**
 * VM objects: reference counts, paging_in_progress, shadow chains and their collapse, the cache of persisting objects,
 * termination.
 *
 * <p>Locks: O(object), taken shadow before backing object, and OL for the lists of objects. Declares the interfaces
 * through which it calls pagers and the pageout cleaner. Implements vm-semantics 2.2, 2.5, 3.3, 5.7 (vm_object.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.object;
