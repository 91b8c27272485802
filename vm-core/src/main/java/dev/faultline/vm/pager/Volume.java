package dev.faultline.vm.pager;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.faultline.hw.Disk;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.sync.KMutex;
import dev.faultline.vm.sync.LockRank;
import dev.faultline.vm.sync.SyncDomain;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The files of the machine's disk, behind the swap area: names, and which disk pages are whose. A file's block is a
 * page.
 *
 * <p>A file is made from a seed and takes no memory until it is written: the word at byte offset {@code o} is {@link
 * #mix64 mix64(seed + o)}, lowest byte first, bytes past the end are zero.
 */
public final class Volume {
  private final SyncDomain domain; // (C)
  private final Disk disk; // (C)
  private final int pageSize; // (C)
  private final int end; // (C) disk pages
  private final KMutex lock; // LockRank.LEAF

  @GuardedBy("lock")
  private final Map<String, Vnode> files = new HashMap<>();

  @GuardedBy("lock")
  private final List<Vnode> inOrder = new ArrayList<>();

  @GuardedBy("lock")
  private int next; // disk pages from here on were never given out

  @GuardedBy("lock")
  private int room; // disk pages that are nobody's

  @GuardedBy("lock")
  private int promised; // how many of them are promised to holes that have been written to in memory

  @GuardedBy("lock")
  private final TreeMap<Integer, Integer> freed = new TreeMap<>(); // place and length of what was given back

  /**
   * Makes an empty volume.
   *
   * @param firstBlock where it begins on the disk, a multiple of 8
   */
  public Volume(SyncDomain domain, Disk disk, int pageSize, long firstBlock) {
    if (firstBlock < 0 || firstBlock > disk.blocks() || firstBlock % 8 != 0) {
      throw new IllegalArgumentException(
          "volume at disk block " + firstBlock + ": must be a multiple of 8, 0 to " + disk.blocks());
    }
    this.domain = domain;
    this.disk = disk;
    this.pageSize = pageSize;
    this.end = (int) (disk.blocks() / 8);
    this.next = (int) (firstBlock / 8);
    this.room = end - next;
    this.lock = new KMutex(domain, LockRank.LEAF, "volume");
  }

  Disk disk() {
    return disk;
  }

  /** Returns the finaliser of SplitMix64 of {@code z}. */
  public static long mix64(long z) {
    long a = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ a >>> 27) * 0x94d049bb133111ebL;
    return b ^ b >>> 31;
  }

  /** Returns the word at {@code offset}, a multiple of 8, of a file as it is made. */
  public static long word(long seed, long length, long offset) {
    long left = length - offset;
    if (left <= 0) {
      return 0;
    }
    long w = mix64(seed + offset);
    return left >= Long.BYTES ? w : w & ((1L << (left * Byte.SIZE)) - 1);
  }

  /**
   * Makes a file.
   *
   * @throws IllegalArgumentException if there is one of that name, the length is negative, or the disk has no room for
   *     it
   */
  public Vnode create(String name, long length, long seed) {
    if (length < 0) {
      throw new IllegalArgumentException("file " + name + " of " + length + " bytes: must be 0 or more");
    }
    long needed = (length + pageSize - 1) / pageSize;
    lock.lock();
    try {
      if (files.containsKey(name)) {
        throw new IllegalArgumentException("file " + name + ": there is one of that name");
      }
      int fit = Math.min(end - next, room - promised); // in one piece, and not what holes were promised
      if (needed > fit) {
        throw new IllegalArgumentException(
            "file " + name + " of " + length + " bytes: the disk has room for " + fit * (long) pageSize + " more");
      }
      Vnode v = new Vnode(domain, name, inOrder.size(), length);
      if (needed > 0) {
        int place = next; // never written, so that what it is made from shows
        next += (int) needed;
        room -= (int) needed;
        v.blocks.add(0, place, (int) needed);
        disk.initialContents(place * 8L, needed * 8, byteOffset -> word(seed, length, byteOffset));
      }
      files.put(name, v);
      inOrder.add(v);
      return v;
    } finally {
      lock.unlock();
    }
  }

  /** Returns the file of that name, or null. */
  public @Nullable Vnode find(String name) {
    lock.lock();
    try {
      return files.get(name);
    } finally {
      lock.unlock();
    }
  }

  /** Calls {@code visitor} for every file, in the order of their making, with no lock held. */
  public void forEach(Consumer<Vnode> visitor) {
    List<Vnode> all;
    lock.lock();
    try {
      all = List.copyOf(inOrder);
    } finally {
      lock.unlock();
    }
    all.forEach(visitor);
  }

  /** Keeps one disk page for a hole; returns false if the disk is full. */
  boolean promise() {
    lock.lock();
    try {
      boolean ok = promised < room;
      promised += ok ? 1 : 0;
      return ok;
    } finally {
      lock.unlock();
    }
  }

  /** Takes back promises that are not needed any more. */
  void breakPromises(int count) {
    lock.lock();
    try {
      promised -= count;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes one disk page for a hole that is about to be written; {@link BlockMap#HOLE} if the disk is full.
   *
   * @param kept whether one was promised to the hole, which is used up then
   */
  int allocate(boolean kept) {
    lock.lock();
    try {
      if (!kept && promised >= room) {
        return BlockMap.HOLE;
      }
      promised -= kept ? 1 : 0;
      room--;
      Map.Entry<Integer, Integer> first = freed.firstEntry();
      if (first != null) {
        int place = first.getKey();
        freed.remove(place);
        if (first.getValue() > 1) {
          freed.put(place + 1, first.getValue() - 1);
        }
        return place;
      }
      return next++;
    } finally {
      lock.unlock();
    }
  }

  /** Takes back disk pages; nothing is under way to or from them. */
  void free(int place, int length) {
    lock.lock();
    try {
      Map.Entry<Integer, Integer> before = freed.lowerEntry(place);
      int from = place;
      int n = length;
      if (before != null && before.getKey() + before.getValue() == from) {
        from = before.getKey();
        n += before.getValue();
      }
      Integer after = freed.remove(place + length);
      freed.put(from, n + (after == null ? 0 : after));
      room += length;
    } finally {
      lock.unlock();
    }
  }

  /** Notes that only so many bytes of a page on the disk count; none of one that is a hole's from now on. */
  void cutPage(Vnode v, long page, int bytes) {
    lock.lock();
    try {
      v.cutPage(page, bytes, pageSize / Vnode.CHUNKS);
    } finally {
      lock.unlock();
    }
  }

  /** Forgets such notes from a page on. */
  void forgetCuts(Vnode v, long firstPage) {
    lock.lock();
    try {
      if (v.shortPages != null) {
        v.shortPages.keySet().removeIf(p -> p >= firstPage);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Notes that chunks of a page were written: they count whole. Any context. */
  void wrote(Vnode v, long page, int chunks) {
    lock.lock();
    try {
      Map<Long, int[]> notes = v.shortPages;
      int[] good = notes == null ? null : notes.get(page);
      if (notes == null || good == null) {
        return;
      }
      int whole = 0;
      for (int i = 0; i < good.length; i++) {
        if ((chunks & 1 << i) != 0) {
          good[i] = pageSize / Vnode.CHUNKS;
        }
        whole += good[i];
      }
      if (whole == pageSize) {
        notes.remove(page);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many bytes of each chunk of a page on the disk count; null for all, as nearly always. */
  int @Nullable [] goodBytes(Vnode v, long page) {
    lock.lock();
    try {
      int[] good = v.shortPages == null ? null : v.shortPages.get(page);
      return good == null ? null : good.clone();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the word at {@code offset}, a multiple of 8, of a file as it is on the disk: what a fresh pagein would
   * find. At quiescence.
   */
  public long diskWord(Vnode v, long offset) {
    long[] words = new long[pageSize / Long.BYTES];
    diskPage(v, offset - offset % pageSize, words);
    return words[(int) (offset % pageSize) / Long.BYTES];
  }

  /** Returns the page at {@code offset} of a file in {@code words}, as {@link #diskWord} would its words. */
  public void diskPage(Vnode v, long offset, long[] words) {
    long page = offset / pageSize;
    int place = v.blocks.lookup(page);
    if (place == BlockMap.HOLE) {
      Arrays.fill(words, 0);
      return;
    }
    disk.peek(place * 8L, words);
    int[] good = goodBytes(v, page);
    int chunkWords = words.length / Vnode.CHUNKS;
    for (int w = 0; w < words.length; w++) {
      long left = v.size() - offset - (long) w * Long.BYTES;
      if (good != null) {
        left = Math.min(left, good[w / chunkWords] - (long) (w % chunkWords) * Long.BYTES);
      }
      words[w] = left >= Long.BYTES ? words[w] : left <= 0 ? 0 : words[w] & ((1L << (left * Byte.SIZE)) - 1);
    }
  }

  /** Checks that every disk page of the volume is given out once or free. At quiescence. */
  void checkInvariants() {
    lock.lock();
    try {
      TreeMap<Integer, Integer> taken = new TreeMap<>(freed);
      for (Vnode v : inOrder) {
        v.blocks.forEach((place, length) -> claim(taken, place, length, v));
      }
      int last = -1;
      for (Map.Entry<Integer, Integer> e : taken.entrySet()) {
        if (e.getKey() < last) {
          throw KernelPanic.of("I-52 disk page given out twice: " + e.getKey());
        }
        last = e.getKey() + e.getValue();
      }
      int nobodys = end - next;
      int kept = 0;
      for (int n : freed.values()) {
        nobodys += n;
      }
      for (Vnode v : inOrder) {
        kept += v.promised.size();
      }
      if (nobodys != room || kept != promised || promised > room) {
        throw KernelPanic.of("I-52 disk pages that are nobody's: " + room + " of " + nobodys + ", promised " + promised
            + " of " + kept);
      }
      if (last > next) {
        throw KernelPanic.of("I-52 disk page never given out is in use: " + last + " of " + next);
      }
    } finally {
      lock.unlock();
    }
  }

  private static void claim(TreeMap<Integer, Integer> taken, int place, int length, Vnode v) {
    if (taken.put(place, length) != null) {
      throw KernelPanic.of("I-52 disk page given out twice: " + place, v, v.blocks);
    }
  }
}
