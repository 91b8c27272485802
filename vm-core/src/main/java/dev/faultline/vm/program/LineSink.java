package dev.faultline.vm.program;

/**
 * Takes what the processes of a program print. Called by all of them at once, so it must be thread-safe, and it must
 * not sleep in the kernel; {@code System.out::write} will do.
 */
@FunctionalInterface
public interface LineSink {
  /**
   * Takes whole lines of one process, {@code count} bytes of ASCII from {@code offset} on; the array is used again
   * afterwards.
   */
  void write(byte[] lines, int offset, int count);
}
