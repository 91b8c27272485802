package dev.faultline.vm.detect;

import dev.faultline.vm.base.SpaceWatcher;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMapEntry;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads an address space's contents at rest out of objects, frames, swap and files, as a fault would find them, without
 * a fault (I-48).
 *
 * <p>Its methods are called by a kernel thread in the kernel that holds no lock.
 */
public final class KernelReader implements PageReader {
  /**
   * How many pages of one entry are asked for in swap; of more, only what the oracle knows or memory holds is compared.
   */
  private static final long SEARCH_MAX = 1 << 20;

  private final KernelParts kernel; // (C)
  private final ResidentPages pages; // (C)
  private final List<VmMapEntry> entries; // (C)
  private final int pageSize; // (C)

  /** Creates a reader of an address space as it is now. */
  public KernelReader(KernelParts kernel, VmMap map) {
    this(kernel, MapEntries.of(map));
  }

  private KernelReader(KernelParts kernel, List<VmMapEntry> entries) {
    this.kernel = kernel;
    this.pages = kernel.pages();
    this.entries = entries;
    this.pageSize = kernel.objects().pageSize();
  }

  /** An address space, and the watcher that follows it. */
  public record Followed(VmMap map, SpaceWatcher space) {}

  /**
   * Compares every address space, and every file, that the oracle follows with the kernel's.
   *
   * @param spaces those that there are still
   * @return how many pages were compared
   */
  public static int verifyAll(ContentOracle oracle, KernelParts kernel, List<Followed> spaces) {
    int n = 0;
    for (Followed f : spaces) {
      n += oracle.verify(f.space(), new KernelReader(kernel, f.map()));
    }
    KernelReader files = new KernelReader(kernel, List.of());
    Map<Object, VmObject> objects = new IdentityHashMap<>();
    kernel
        .objects()
        .forEach(
            o -> {
              Object v = o.handle();
              if (v != null) {
                objects.put(v, o);
              }
            });
    return n + oracle.verifyFiles((file, offset, words) -> files.readFile(file, objects.get(file), offset, words));
  }

  /** Reads a page of a file: the resident copy if its object has one, else the disk's. */
  private boolean readFile(Object file, @Nullable VmObject o, long offset, long[] words) {
    if (o != null) {
      return read(o, offset, words);
    }
    if (file instanceof Device d) {
      return readDevice(d, offset, words);
    }
    if (!(file instanceof Vnode v) || offset >= v.size()) {
      return false;
    }
    kernel.volume().diskPage(v, offset, words);
    return true;
  }

  @Override
  public boolean read(long va, long[] words) {
    VmMapEntry e = MapEntries.find(entries, va);
    if (e == null || e.isSubMap()) {
      return false;
    }
    long address = va;
    VmMap share = e.map();
    if (share != null) {
      address = va - e.start() + e.offset();
      e = MapEntries.find(MapEntries.of(share), address);
      if (e == null) {
        return false;
      }
    }
    return read(e.object(), address - e.start() + e.offset(), words);
  }

  private boolean read(@Nullable VmObject top, long topOffset, long[] words) {
    long offset = topOffset;
    for (VmObject o = top; o != null; o = o.backing()) {
      o.lock.lock();
      try {
        VmPage m = pages.lookup(o, offset);
        if (m != null) {
          return readFrame(o, offset, m, words);
        }
        if (o.type() == ObjectType.SWAP && kernel.swap().peek(o, offset + o.pagingOffset(), words)) {
          return true;
        }
        if (o.type() == ObjectType.VNODE) {
          return readFile(o, offset + o.pagingOffset(), words);
        }
        if (o.type() == ObjectType.DEVICE) {
          return o.handle() instanceof Device d && readDevice(d, offset + o.pagingOffset(), words);
        }
      } finally {
        o.lock.unlock();
      }
      offset += o.backingOffset();
    }
    Arrays.fill(words, 0);
    return true;
  }

  private boolean readFrame(VmObject o, long offset, VmPage m, long[] words) {
    if (!m.isWhollyValid() && o.type() != ObjectType.VNODE) {
      return false;
    }
    if (o.handle() instanceof Vnode v && offset + o.pagingOffset() >= v.size()) {
      return false;
    }
    if (m.isWhollyValid()) {
      readFrame(m.frame(), words);
      return true;
    }
    if (!readFile(o, offset + o.pagingOffset(), words)) {
      return false;
    }
    for (int w = 0; w < words.length; w++) {
      if ((m.valid() & 1 << (w * 8 / words.length)) != 0) { // the other chunks are in the file
        words[w] = pages.memory().load(m.frame(), w);
      }
    }
    return true;
  }

  private void readFrame(int frame, long[] words) {
    for (int w = 0; w < words.length; w++) {
      words[w] = pages.memory().load(frame, w);
    }
  }

  private boolean readDevice(Device d, long offset, long[] words) {
    int frame = d.frame(offset / pageSize);
    if (frame >= 0) {
      readFrame(frame, words);
    }
    return frame >= 0;
  }

  private boolean readFile(VmObject o, long offset, long[] words) {
    if (!(o.handle() instanceof Vnode v) || offset >= v.size()) {
      return false;
    }
    kernel.volume().diskPage(v, offset, words);
    return true;
  }

  @Override
  public void forEachKept(long start, long end, LongConsumer va) {
    TreeSet<Long> found = new TreeSet<>();
    for (VmMapEntry e : entries) {
      VmMap share = e.map();
      if (e.start() >= end || e.end() <= start || e.isSubMap()) {
        continue;
      }
      if (share == null) {
        kept(e, e.start(), e.end(), 0, found);
        continue;
      }
      long delta = e.offset() - e.start();
      for (VmMapEntry x : MapEntries.of(share)) {
        kept(x, Math.max(x.start(), e.start() + delta), Math.min(x.end(), e.end() + delta), delta, found);
      }
    }
    found.subSet(start, end).forEach(a -> va.accept(a));
  }

  /**
   * Notes the addresses of [from, to) of an entry behind which some object keeps a page; addresses are the entry's less
   * delta.
   */
  private void kept(VmMapEntry e, long from, long to, long delta, TreeSet<Long> found) {
    long toOffset = e.offset() - e.start();
    for (VmObject o = e.object(); o != null; o = o.backing()) {
      for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
        long address = m.offset() - toOffset;
        if (address >= from && address < to) {
          found.add(address - delta);
        }
      }
      if (o.type() == ObjectType.SWAP && (to - from) / pageSize <= SEARCH_MAX) {
        o.lock.lock();
        try {
          for (long a = from; a < to; a += pageSize) {
            if (o.pagerHasLocked(a + toOffset)) {
              found.add(a - delta);
            }
          }
        } finally {
          o.lock.unlock();
        }
      }
      toOffset += o.backingOffset();
    }
  }

  @Override
  public String toString() {
    return "reader of " + entries.size() + " entries";
  }
}
