/**
 * The right answer: what a VM program prints on a kernel that makes no mistakes.
 *
 * <p>Independent of the kernel: address spaces are lists of regions, memory is a map of pages, fork copies. Nothing is
 * shared where a copy will do, nothing is lazy where it can be seen. One thread, no locks; vm-program.md is the
 * specification, and where it is silent the class that decides says how.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.program.reference;
