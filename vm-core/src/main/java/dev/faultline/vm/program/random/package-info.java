/**
 * Random VM programs. Those of {@link dev.faultline.vm.program.random.RandomPrograms} have one right answer, whatever
 * the order in which their processes run.
 *
 * <p>Such a program is made by acting it out: processes are advanced in a random order, each emits a command that is
 * safe where it stands. Address spaces are known page by page, since only their own process changes them. Of memory
 * that several processes can reach, every piece belongs at each moment to one of them, which alone loads and stores
 * there; pieces change hands only where one process waits for another: at fork, wait and barriers. So no two accesses
 * race, and the order in which the program was made is as good as any other.
 *
 * <p>And programs whose processes race, {@link dev.faultline.vm.program.random.RacingPrograms}, which have many right
 * answers: for an oracle beside the kernel to judge.
 *
 * <p>One thread, no locks; the same seed and options give the same text, byte for byte.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.program.random;
