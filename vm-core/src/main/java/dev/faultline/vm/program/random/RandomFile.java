package dev.faultline.vm.program.random;

import org.jspecify.annotations.Nullable;

/** A file of a random program. */
final class RandomFile {
  final String name;
  /** Its length so far, bytes; as long as can be for a file that is as long as its largest use. */
  long length;
  /** Who may load and store through shared mappings; null for a file that nobody stores to. */
  final @Nullable SharedMemory memory;

  RandomFile(String name, long length, @Nullable SharedMemory memory) {
    this.name = name;
    this.length = length;
    this.memory = memory;
  }
}
