package dev.faultline.vm.program.reference;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.program.Reply;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The regions of one address space, and what the calls do to them. Ranges are given by page-aligned ends. */
final class AddressSpace {
  private final TreeMap<Long, Region> regions = new TreeMap<>();
  Segments segments = new Segments(this);

  /** Maps {@code memory} from {@code offset} on, instead of what is there. */
  void map(long start, long end, int prot, boolean shared, Memory memory, long offset) {
    unmap(start, end);
    put(new Region(start, end, prot, shared ? Inheritance.SHARE : Inheritance.COPY, memory, offset));
  }

  /** Maps private zero-filled memory where nothing is mapped. */
  void mapZeroes(long start, long end) {
    map(start, end, VmProt.ALL, false, new Memory.Private(new Memory.Zeroes()), 0);
  }

  /** Returns whether nothing is mapped in the range. */
  boolean isFree(long start, long end) {
    return endBefore(end) <= start;
  }

  /** Returns where what is mapped below an address ends, 0 if nothing is. */
  long endBefore(long address) {
    Map.Entry<Long, Region> below = regions.lowerEntry(address);
    return below == null ? 0 : below.getValue().end;
  }

  /** Returns how many bytes of the range's space are wired. */
  long wiredBytes() {
    long bytes = 0;
    for (Region r : regions.values()) {
      bytes += r.wired > 0 ? r.end - r.start : 0;
    }
    return bytes;
  }

  void unmap(long start, long end) {
    for (Region r : clipped(start, end)) {
      regions.remove(r.start);
    }
  }

  void protect(long start, long end, int prot) {
    for (Region r : clipped(start, end)) {
      r.prot = prot;
    }
  }

  void inherit(long start, long end, Inheritance inheritance) {
    for (Region r : clipped(start, end)) {
      r.inheritance = inheritance;
    }
  }

  /** Returns whether every page of the range is mapped. */
  boolean isMapped(long start, long end) {
    long at = start;
    while (at < end) {
      Region r = find(at);
      if (r == null) {
        return false;
      }
      at = r.end;
    }
    return true;
  }

  /** Wires the range. What is not wired yet is faulted in for writing, so it must be there and writable. */
  Reply wire(long start, long end) {
    if (!isMapped(start, end)) {
      return Reply.ENOMEM;
    }
    List<Region> range = clipped(start, end);
    for (Region r : range) {
      for (long at = r.start; r.wired == 0 && at < r.end; at += Memory.PAGE) {
        if (check(at, true) != Reply.OK) {
          return Reply.ENOMEM;
        }
      }
    }
    for (Region r : range) {
      for (long at = r.start; r.wired == 0 && at < r.end; at += Memory.PAGE) {
        r.memory.ownPage(r.offsetOf(at));
      }
      r.wired++;
    }
    return Reply.OK;
  }

  /** Undoes one wiring of the range, every page of which must be wired. */
  Reply unwire(long start, long end) {
    if (!isMapped(start, end)) {
      return Reply.ENOMEM;
    }
    List<Region> range = clipped(start, end);
    for (Region r : range) {
      if (r.wired == 0) {
        return Reply.ENOMEM;
      }
    }
    range.forEach(r -> r.wired--);
    return Reply.OK;
  }

  /** Returns the region of {@code address}, or null. */
  @Nullable Region find(long address) {
    Map.Entry<Long, Region> entry = regions.floorEntry(address);
    return entry != null && address < entry.getValue().end ? entry.getValue() : null;
  }

  /** Returns what an access to {@code address} meets. Any right lets the i386 read and execute. */
  Reply check(long address, boolean write) {
    Region r = find(address);
    if (r == null) {
      return Reply.SIGSEGV;
    }
    int needed = write ? VmProt.WRITE : VmProt.ALL;
    if ((r.prot & needed) == 0 || !r.memory.has(r.offsetOf(address))) {
      return Reply.SIGBUS;
    }
    return Reply.OK;
  }

  /** Returns the word at {@code address}, which may be read. */
  long load(long address) {
    Region r = mapped(address);
    return r.memory.load(r.offsetOf(address));
  }

  /** Stores the word at {@code address}, which may be written. */
  void store(long address, long value) {
    Region r = mapped(address);
    r.memory.store(r.offsetOf(address), value);
  }

  /** Returns the byte at {@code address}, which may be read. */
  byte loadByte(long address) {
    return Memory.byteOf(load(address & -Long.BYTES), address);
  }

  /** Stores the byte at {@code address}, which may be written. */
  void storeByte(long address, byte value) {
    long word = address & -Long.BYTES;
    store(word, Memory.withByte(load(word), address, value));
  }

  private Region mapped(long address) {
    Region r = find(address);
    if (r == null) {
      throw new IllegalStateException("nothing mapped at " + Long.toHexString(address));
    }
    return r;
  }

  /**
   * Returns the address space of a child. A range that is shared by nature and to be copied becomes private in both:
   * they see what others store to a page of it until they store there themselves.
   */
  AddressSpace fork() {
    AddressSpace child = new AddressSpace();
    child.segments = segments.fork(child);
    for (Region r : regions.values()) {
      if (r.inheritance == Inheritance.NONE) {
        continue;
      }
      Region copy = r.part(r.start, r.end);
      copy.wired = 0;
      if (r.inheritance == Inheritance.COPY) {
        Memory.Private own = r.memory.asPrivate();
        if (own != null) {
          copy.memory = own.copy(r.offset, r.offsetOf(r.end));
        } else {
          copy.memory = new Memory.Private(r.memory);
          r.memory = new Memory.Private(r.memory);
        }
      }
      child.put(copy);
    }
    return child;
  }

  private void put(Region r) {
    regions.put(r.start, r);
  }

  /** Returns the regions in the range, after splitting those that reach beyond it. */
  private List<Region> clipped(long start, long end) {
    List<Region> range = new ArrayList<>();
    if (start >= end) {
      return range; // nor is a region split
    }
    Region first = find(start);
    for (Region r : List.copyOf(regions.subMap(first == null ? start : first.start, end).values())) {
      if (r.start < start) {
        put(r.part(r.start, start));
      }
      if (r.end > end) {
        put(r.part(end, r.end));
      }
      Region inside = r.part(Math.max(r.start, start), Math.min(r.end, end));
      put(inside);
      range.add(inside);
    }
    return range;
  }
}
