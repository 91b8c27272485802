package dev.faultline.vm.program;

/**
 * A process of a program, and where its commands are.
 *
 * @param pid its number in the text, unsigned; it is named elsewhere by its index in {@link VmProgram#processes()}
 * @param line the line that opens its section
 * @param commands how many commands its section has
 * @param offset where they begin in the spool, bytes
 * @param end where they end in the spool, bytes
 */
public record ProcessSection(long pid, long line, long commands, long offset, long end) {}
