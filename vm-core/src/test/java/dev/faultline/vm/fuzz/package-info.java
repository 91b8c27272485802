/** Fuzzing of the system calls: arbitrary arguments in arbitrary order, on small machines. */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.fuzz;
