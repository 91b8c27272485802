package dev.faultline.vm.program;

/**
 * A device that a program maps.
 *
 * @param name its name
 * @param length bytes of its memory, whole pages of the language; zeros at the start
 */
public record DeviceDeclaration(String name, long length) {}
