package dev.faultline.vm.program.reference;

import dev.faultline.vm.base.Inheritance;

/** A range of an address space with the same attributes throughout. */
final class Region {
  final long start;
  final long end;
  int prot;
  Inheritance inheritance;
  Memory memory;
  /** The byte offset in the memory that {@link #start} maps. */
  final long offset;
  int wired;

  Region(long start, long end, int prot, Inheritance inheritance, Memory memory, long offset) {
    this.start = start;
    this.end = end;
    this.prot = prot;
    this.inheritance = inheritance;
    this.memory = memory;
    this.offset = offset;
  }

  /** Returns the part of this region from {@code from} to {@code to}, which lie in it. */
  Region part(long from, long to) {
    Region part = new Region(from, to, prot, inheritance, memory, offset + from - start);
    part.wired = wired;
    return part;
  }

  /** Returns the offset in the memory of {@code address}. */
  long offsetOf(long address) {
    return offset + address - start;
  }
}
