/**
 * The simulated machine: processors, MMU and TLBs, physical memory, disk and clock. Knows nothing of VM policy.
 *
 * <p>Implements section 6 of {@code vm-semantics.md}. Its locks, in the kernel's ranks: the disk's queue (D, 95), the
 * clock's callouts (W, 100) and T(cpu), one word a processor (110, see {@link dev.faultline.hw.Cpu}); each is a leaf,
 * nothing is acquired under one. Whatever blocks, spins, reads time or starts a thread does so through {@link
 * dev.faultline.hw.strand}.
 */
@NullMarked
package dev.faultline.hw;

import org.jspecify.annotations.NullMarked;
