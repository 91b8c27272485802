package dev.faultline.vm.program;

/**
 * A file that a program uses.
 *
 * @param name its name
 * @param length bytes at the start; of a file that the text does not declare, the end of its largest {@code mmap}
 * @param seed what its bytes are made from, see {@link FileContent}; 0 for a file that the text does not declare
 */
public record FileDeclaration(String name, long length, long seed) {}
