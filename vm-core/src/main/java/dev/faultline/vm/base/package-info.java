/**
 * Words that every part of the kernel uses: modes, defects, result codes, protections, panics, event counters and
 * memory thresholds.
 *
 * <p>Nothing here has a lock or depends on another package of the kernel. Implements vm-semantics section 1.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.base;
