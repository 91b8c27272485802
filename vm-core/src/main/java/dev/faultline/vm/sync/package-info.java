/**
 * Exclusion and sleeping: ranked mutexes, the map and vnode locks, sleep queues, the kernel token of UP mode, kernel
 * threads, witness.
 *
 * <p>The mode lives here: in UP and NAIVE the mutexes do nothing, so one body of kernel code serves all modes.
 * Implements vm-semantics
 * 2.8, 3.1, 5.1 to 5.3.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.sync;
