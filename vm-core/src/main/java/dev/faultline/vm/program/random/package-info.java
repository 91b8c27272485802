/**
 * Random VM programs whose output has one right answer, whatever the order in which their processes run.
 *
 * <p>A program is made by acting it out: processes are advanced in a random order, and each emits a command that is
 * safe where it stands. Address spaces are known page by page, since only their own process changes them. Of memory
 * that several processes can reach, every piece belongs at each moment to one of them, which alone loads and stores
 * there; pieces change hands only where one process waits for another: at fork, wait and barriers. So no two accesses
 * race, and the order in which the program was made is as good as any other.
 *
 * <p>One thread, no locks; the same seed and options give the same text, byte for byte.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.program.random;
