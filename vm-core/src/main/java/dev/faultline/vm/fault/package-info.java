/**
 * The fault handler and its companions: vm_fault, the read-ahead window, wiring, the copy of wired memory.
 *
 * <p>Takes locks in the order M, V, O, Q, P, PV; owns none. Implements vm-semantics section 4 with the choreography of
 * 5.4 (vm_fault.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.fault;
