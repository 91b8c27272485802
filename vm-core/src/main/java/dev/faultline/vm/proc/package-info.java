/**
 * Processes: who runs on which processor, user accesses and their traps, system calls, fork, exec, exit, wait, and what
 * ends a run.
 *
 * <p>Locks: the process table's (leaf, real in every mode) guards kinship, life and waits of all processes; the
 * scheduler's, below all of the kernel's, guards who holds which processor and is never held together with another.
 * What a thread alone uses is its own. Implements vm-semantics 2.6, 3.8, 6.1 (who runs where) and the killing of 3.5
 * and 5.7.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.proc;
