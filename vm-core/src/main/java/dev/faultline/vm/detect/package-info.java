/**
 * Detectors: what finds out that a kernel is wrong, apart from whatever drives it. A content oracle that knows what
 * each load may return, the invariants of vm-semantics section 7, and the findings that they make.
 *
 * <p>Locks: detectors take the kernel's own locks to look at its structures, in its order. Their own state is guarded
 * by spinning words that are leaves below everything, as part of it is used under T(cpu). Nothing below depends on this
 * package; the process layer calls through {@code base.MemoryWatcher}.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.detect;
