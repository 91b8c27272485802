/**
 * What the kernel's strands did, in order: the vocabulary of events, the rings that keep the last of them, the pictures
 * drawn of them, and the same events for the JDK's flight recorder.
 *
 * <p>Recording takes no lock and allocates nothing. Rings belong to their strands; the order is one counter's ({@link
 * dev.faultline.vm.trace.EventRings}). Switched on when a kernel boots; off, an event is one predictable branch.
 * Implements decision 6 of the architecture.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.trace;
