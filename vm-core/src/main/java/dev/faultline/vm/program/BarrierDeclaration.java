package dev.faultline.vm.program;

/**
 * A barrier of a program.
 *
 * @param name its name
 * @param parties how many processes it waits for, 1 or more; it can be used again when so many have come
 */
public record BarrierDeclaration(String name, int parties) {}
