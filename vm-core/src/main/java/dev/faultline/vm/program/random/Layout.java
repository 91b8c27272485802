package dev.faultline.vm.program.random;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.program.random.SharedMemory.Owner;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an address space looks like, page by page; a null page is not mapped. Pages are numbered from 0; see {@link
 * #address}.
 */
final class Layout {
  static final int PAGE = 4096;
  static final int WORDS = PAGE / Long.BYTES;
  private static final int SPANS = 2;

  private final @Nullable Page[] pages;
  private final long base;
  private final long gap;

  /** A page of an address space. */
  static final class Page {
    int prot;
    Inheritance inheritance;
    /** Whether the mapping is shared, though perhaps of memory that nobody stores to. */
    final boolean shared;
    /** What it shows a page of; null if it is private, or of a file that nobody stores to. */
    @Nullable SharedMemory memory;
    int memoryPage;
    /** The file that a mapping follows in its length; null if it follows none. */
    final @Nullable RandomFile file;
    final int filePage;
    int wired;

    Page(int prot, boolean shared, @Nullable SharedMemory memory, int memoryPage, @Nullable RandomFile file,
        int filePage) {
      this.prot = prot;
      this.shared = shared;
      this.inheritance = shared ? Inheritance.SHARE : Inheritance.COPY;
      this.memory = memory;
      this.memoryPage = memoryPage;
      this.file = file;
      this.filePage = filePage;
    }

    Page copy() {
      Page p = new Page(prot, shared, memory, memoryPage, file, filePage);
      p.inheritance = inheritance;
      return p;
    }

    /** Returns whether an access that the protection allows finds a page. */
    boolean isThere() {
      return file == null || (long) filePage * PAGE < file.length;
    }

    boolean isWritable() {
      return (prot & VmProt.WRITE) != 0 && isThere();
    }

    boolean isReadable() {
      return prot != VmProt.NONE && isThere();
    }

    /** Returns whether the word's value is known to {@code who}, and with {@code store} whether it may store there. */
    boolean isFree(int word, boolean store, Owner who) {
      if (memory == null) {
        return !(store && shared);
      }
      if (file != null && (filePage * (long) WORDS + word + 1) * Long.BYTES > file.length) {
        // A word that the file's end is in or before: it is zero beyond the end while nobody stores there.
        return !store && memory.owner(memoryPage, word) == who;
      }
      return memory.owner(memoryPage, word) == who;
    }
  }

  /**
   * Makes an empty address space.
   *
   * @param pages how many pages can be mapped
   * @param base the address of page 0
   * @param gap how far apart the pages of the two halves are, bytes
   */
  Layout(int pages, long base, long gap) {
    this.pages = new Page[pages];
    this.base = base;
    this.gap = gap;
  }

  int size() {
    return pages.length;
  }

  /**
   * Returns the first page behind the part of the address space that page {@code i} is in; between parts there is
   * nothing.
   */
  int spanEnd(int i) {
    int half = pages.length / SPANS;
    return i < half ? half : pages.length;
  }

  long address(int page) {
    return base + (long) page * PAGE + (page < pages.length / SPANS ? 0 : gap);
  }

  @Nullable Page page(int i) {
    return pages[i];
  }

  void set(int i, @Nullable Page page) {
    pages[i] = page;
  }

  /** Returns a new address space in the same place with nothing mapped. */
  Layout empty() {
    return new Layout(pages.length, base, gap);
  }

  /** Returns how many pages are mapped. */
  int mapped() {
    int count = 0;
    for (Page p : pages) {
      count += p == null ? 0 : 1;
    }
    return count;
  }

  /**
   * Returns the address space of a child. What is private and to be shared becomes memory of {@code owner} here and
   * there.
   *
   * @param made is given the new shared memory, if there is some
   */
  Layout fork(Owner owner, List<SharedMemory> made) {
    Layout child = empty();
    List<Page> shared = new ArrayList<>();
    for (Page p : pages) {
      if (p != null && p.inheritance == Inheritance.SHARE && p.memory == null && !p.shared) {
        p.memoryPage = shared.size();
        shared.add(p);
      }
    }
    if (!shared.isEmpty()) {
      SharedMemory memory = new SharedMemory(shared.size(), owner);
      made.add(memory);
      shared.forEach(p -> p.memory = memory);
    }
    for (int i = 0; i < pages.length; i++) {
      Page p = pages[i];
      if (p != null && p.inheritance != Inheritance.NONE) {
        child.pages[i] = p.copy();
      }
    }
    return child;
  }
}
