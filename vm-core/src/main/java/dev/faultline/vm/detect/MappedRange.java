package dev.faultline.vm.detect;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import org.jspecify.annotations.Nullable;

/** A run of mapped addresses of one space with one set of attributes. The space's own. */
final class MappedRange {
  /**
   * One shared mapping of a file, with those that a fork shared it with. Its stores go to the file, until a fork copies
   * it: from then on they may or may not (vm-semantics 3.4, copy_entry), and nothing is promised of it.
   */
  static final class Window {
    final FileModel file; // (C)
    volatile boolean uncertain;

    Window(FileModel file) {
      this.file = file;
    }
  }

  long start;
  long end;
  int prot;
  Inheritance inheritance;
  @Nullable Window window; // a shared mapping of a file
  @Nullable GroupModel group; // shared by inheritance
  @Nullable FileView file; // neither: a private mapping of a file; null for zero-filled memory
  long fileDelta; // what to add to an address for the offset in the file

  MappedRange(long start, long end, int prot, Inheritance inheritance) {
    this.start = start;
    this.end = end;
    this.prot = prot;
    this.inheritance = inheritance;
  }

  /** Returns a range of the same attributes. */
  MappedRange like(long from, long to) {
    MappedRange r = new MappedRange(from, to, prot, inheritance);
    r.window = window;
    r.group = group;
    r.file = file;
    r.fileDelta = fileDelta;
    return r;
  }

  /** Returns the file whose pages the range shows, or may show; null for none. */
  @Nullable FileModel fileBehind() {
    return window != null ? window.file : group != null ? group.file : file == null ? null : file.file;
  }

  boolean isPrivate() {
    return window == null && group == null;
  }

  /** Returns whether an access is allowed, as the i386 widens rights. */
  boolean allows(boolean store) {
    return (VmProt.widened(prot) & (store ? VmProt.WRITE : VmProt.READ)) != 0;
  }

  @Override
  public String toString() {
    return "0x" + Long.toHexString(start) + "-0x" + Long.toHexString(end) + " " + VmProt.toString(prot) + " "
        + inheritance
        + (window != null ? " shared " + window.file : group != null ? " shared by inheritance" : file != null
            ? " private " + file
        : " private anon");
  }
}
