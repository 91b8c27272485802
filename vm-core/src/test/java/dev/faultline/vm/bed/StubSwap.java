package dev.faultline.vm.bed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.PagerData;
import dev.faultline.vm.object.SwapTransfer;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.page.VmPage;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Swap without a disk: a block is the first word of the page that was written to it. Transfers one page at a time. */
public final class StubSwap implements Pager, SwapTransfer {
  private final ResidentPages pages;

  /** Blocks in use, all objects together. */
  public final AtomicInteger used = new AtomicInteger();

  StubSwap(ResidentPages pages) {
    this.pages = pages;
  }

  private static final class Blocks extends PagerData {
    final TreeMap<Long, Long> words = new TreeMap<>(); // by pager offset; guarded by O

    @Override
    public String toString() {
      return words.toString();
    }
  }

  private static Blocks blocks(VmObject o) {
    Blocks b = (Blocks) o.pagerData();
    assertThat(b).as("I-29 block table of %s", o).isNotNull();
    return b;
  }

  /** Returns the word of the block behind the page at {@code offset}, or null. Caller holds O(o). */
  public @Nullable Long word(VmObject o, long offset) {
    return o.type() == ObjectType.SWAP ? blocks(o).words.get(offset + o.pagingOffset()) : null;
  }

  /** Puts a block behind the page at {@code offset}, making the object SWAP. Caller holds O(o). */
  public void write(VmObject o, long offset, long word) {
    assertThat(o.lock.isHeld()).isTrue();
    if (o.type() == ObjectType.DEFAULT) {
      o.setPager(ObjectType.SWAP, new Blocks());
    }
    if (blocks(o).words.put(offset + o.pagingOffset(), word) == null) {
      used.incrementAndGet();
    }
  }

  private void remove(Map<Long, Long> words, long pagerOffset) {
    if (words.remove(pagerOffset) != null) {
      used.decrementAndGet();
    }
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] array, int count, int req) {
    assertThat(count).isEqualTo(1);
    VmPage m = array[req];
    o.lock.lock();
    Long word = word(o, m.offset());
    o.lock.unlock();
    if (word == null) {
      return PagerReturn.FAIL;
    }
    pages.zeroFill(m);
    pages.memory().store(m.frame(), 0, word);
    o.lock.lock();
    m.clearZero();
    m.setValid(VmPage.ALL_CHUNKS);
    m.clearDirty(VmPage.ALL_CHUNKS);
    o.lock.unlock();
    return PagerReturn.OK;
  }

  @Override
  public void putPages(VmObject o, VmPage[] array, int count, boolean sync, PagerReturn[] results) {
    o.lock.lock();
    for (int i = 0; i < count; i++) {
      write(o, array[i].offset(), pages.memory().load(array[i].frame(), 0));
      results[i] = PagerReturn.OK;
    }
    o.lock.unlock();
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    o.lock.lock();
    try {
      return o.type() == ObjectType.SWAP && hasPageLocked(o, pagerOffset);
    } finally {
      o.lock.unlock();
    }
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    assertThat(o.lock.isHeld()).isTrue();
    return blocks(o).words.containsKey(pagerOffset);
  }

  @Override
  public void dealloc(VmObject o) {
    assertThat(o.lock.isHeld()).isTrue();
    assertThat(o.isDead()).isTrue();
    assertThat(o.pip()).isZero();
    used.addAndGet(-blocks(o).words.size());
    blocks(o).words.clear();
  }

  private static void checkTransfer(VmObject src, VmObject dst) {
    assertThat(src.lock.isHeld()).isTrue();
    assertThat(dst.lock.isHeld()).isTrue();
    assertThat(src.isDead()).isTrue();
    assertThat(src.pip()).as("pip of what the blocks leave").isEqualTo(1);
  }

  @Override
  public void copy(VmObject src, VmObject dst, long offset) {
    checkTransfer(src, dst);
    assertThat(dst.pip()).as("pip of what has blocks already").isEqualTo(1);
    Map<Long, Long> from = blocks(src).words;
    Map<Long, Long> to = blocks(dst).words;
    for (long n = 0; n < dst.size(); n += Bed.PAGE) {
      Long word = from.get(n + offset + src.pagingOffset());
      if (word != null && to.putIfAbsent(n + dst.pagingOffset(), word) == null) {
        used.incrementAndGet();
      }
    }
    used.addAndGet(-from.size());
    src.setPager(ObjectType.DEFAULT, null);
  }

  @Override
  public void takeOver(VmObject src, VmObject dst, long offset) {
    checkTransfer(src, dst);
    Blocks table = blocks(src);
    long start = src.pagingOffset() + offset;
    for (Long at : table.words.headMap(start).keySet().toArray(new Long[0])) {
      remove(table.words, at);
    }
    dst.setPagingOffset(start);
    dst.setPager(ObjectType.SWAP, table);
    src.setPager(ObjectType.DEFAULT, null);
  }

  @Override
  public void freeSpace(VmObject o, long pagerOffset, int count) {
    assertThat(o.lock.isHeld()).isTrue();
    if (o.type() == ObjectType.SWAP) {
      for (int i = 0; i < count; i++) {
        remove(blocks(o).words, pagerOffset + (long) i * Bed.PAGE);
      }
    }
  }
}
