/**
 * VM programs: texts that say what processes do to their virtual memory, read, checked, printed and run.
 *
 * <p>{@link dev.faultline.vm.program.VmProgram#open} reads and checks a whole program in one pass and keeps it in a
 * compact form outside the heap, so that a hundred million lines take constant memory. {@link
 * dev.faultline.vm.program.ProgramRunner} carries out one process's section after the other command through {@link
 * dev.faultline.vm.program.ProcessCalls}, which the kernel implements; nothing here blocks, starts a thread or knows
 * how the kernel works.
 *
 * <p>No locks: a program is constant once read, a {@link dev.faultline.vm.program.CommandCursor} belongs to one thread,
 * and whole lines of output are handed to a {@link dev.faultline.vm.program.LineSink} that is thread-safe by contract.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.program;
