package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The radix tree: against a set of leaf addresses, at all page sizes, and walked while it grows. */
@Timeout(60)
final class PageTableTest {
  private static final long TOP = 1L << PageTable.VA_BITS;

  private static PageTable table(int pageSize) {
    return new PageTable(1, MachineConfig.builder().pageSize(pageSize).build());
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 256, 4096, 65536})
  void leaves_areFoundMadeAndUnlinked_asInASet(int pageSize) {
    PageTable t = table(pageSize);
    TreeSet<Long> model = new TreeSet<>();
    Random random = new Random(pageSize);
    long span = t.leafSpan();
    for (int i = 0; i < 20_000; i++) {
      long va = (random.nextLong() >>> (16 + random.nextInt(44))) & (TOP - 1);
      switch (random.nextInt(4)) {
        case 0 -> {
          PageTable.Leaf leaf = t.makeLeaf(va);
          assertThat(leaf.baseAddress()).isEqualTo(va & -span);
          assertThat(t.makeLeaf(va)).isSameAs(leaf);
          model.add(va & -span);
        }
        case 1 -> {
          t.unlinkIfEmpty(va);
          model.remove(va & -span);
        }
        case 2 -> {
          PageTable.Leaf leaf = t.leaf(va);
          assertThat(leaf != null).isEqualTo(model.contains(va & -span));
          assertThat(leaf == null || leaf.baseAddress() == (va & -span)).isTrue();
        }
        default -> {
          long end = Math.min(TOP, va + (random.nextLong() >>> (17 + random.nextInt(40))));
          assertThat(t.nextLeafAddress(va, end)).isEqualTo(next(model, va, end, span));
        }
      }
    }
  }

  private static long next(TreeSet<Long> model, long va, long end, long span) {
    if (va < end && model.contains(va & -span)) {
      return va;
    }
    Long next = model.higher(va);
    return next == null || next > end ? Math.max(end, va < end ? va : end) : next;
  }

  @Test
  void nextLeafAddress_skipsHoles_quickly() {
    PageTable t = table(64);
    t.makeLeaf(TOP - 64);
    assertThat(t.nextLeafAddress(0, TOP)).isEqualTo(TOP - t.leafSpan());
    assertThat(t.nextLeafAddress(TOP - 64, TOP)).isEqualTo(TOP - 64);
    assertThat(table(64).nextLeafAddress(0, TOP)).isEqualTo(TOP);
  }

  @Test
  void addresses_outsideAreNowhere() {
    PageTable t = table(4096);
    t.makeLeaf(TOP - 1);
    assertThat(t.leaf(TOP)).isNull();
    assertThat(t.leaf(-1)).isNull();
    assertThat(t.nextLeafAddress(TOP, TOP + 4096)).isEqualTo(TOP + 4096);
    t.unlinkIfEmpty(-1);
    assertThat(t.leaf(TOP - 1)).isNotNull();
    assertThatThrownBy(() -> t.makeLeaf(TOP)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("2^48");
    assertThatThrownBy(() -> t.makeLeaf(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void unlinkIfEmpty_keepsLeavesThatCount() {
    PageTable t = table(4096);
    PageTable.Leaf leaf = t.makeLeaf(0x40_0000);
    assertThat(leaf.incrementCount()).isEqualTo(1);
    assertThat(leaf.incrementCount()).isEqualTo(2);
    t.unlinkIfEmpty(0x40_0000);
    assertThat(t.leaf(0x40_0000)).isSameAs(leaf);
    assertThat(leaf.decrementCount()).isEqualTo(1);
    assertThat(leaf.decrementCount()).isZero();
    t.unlinkIfEmpty(0x40_0000);
    assertThat(t.leaf(0x40_0000)).isNull();
    assertThatThrownBy(leaf::decrementCount).isInstanceOf(AssertionError.class);
  }

  @Test
  void words_changeAtomically_andAttachmentsStay() {
    PageTable t = table(4096);
    long va = 0x7fff_ffff_f000L;
    PageTable.Leaf leaf = t.makeLeaf(va);
    int i = t.index(va);
    assertThat(i).isEqualTo(63);
    assertThat(leaf.cas(i, 0, 5)).isTrue();
    assertThat(leaf.cas(i, 0, 6)).isFalse();
    assertThat(leaf.getAndBitwiseOr(i, 8)).isEqualTo(5);
    assertThat(leaf.getAndBitwiseAnd(i, 12)).isEqualTo(13);
    assertThat(leaf.getAndSet(i, 7)).isEqualTo(12);
    leaf.plainSet(i, 9);
    assertThat(leaf.get(i)).isEqualTo(9);
    assertThat(leaf.attachment(i)).isNull();
    leaf.attach(i, null);
    leaf.attach(i, "pv");
    leaf.attach(0, "other");
    assertThat(leaf.attachment(i)).isEqualTo("pv");
    assertThat(leaf.attachment(0)).isEqualTo("other");
  }

  @Test
  void activeSet_isEveryProcessor_ofATableThatIsEverywhere() {
    MachineConfig sixtyFour = MachineConfig.builder().cpus(64).build();
    assertThat(new PageTable(0, sixtyFour, true).activeMask()).isEqualTo(-1L);
    PageTable t = new PageTable(1, sixtyFour);
    t.activate(63);
    t.activate(0);
    t.activate(0);
    assertThat(t.activeMask()).isEqualTo(Long.MIN_VALUE | 1);
    t.deactivate(63);
    assertThat(t.activeMask()).isEqualTo(1);
  }

  @Test
  void attachmentsOfOneLeaf_madeAtOnce_areBothKept() {
    try (HwWorld w = HwWorld.plain()) {
      PageTable t = w.table();
      int leaves = 20_000;
      for (int k = 0; k < leaves; k++) {
        t.makeLeaf(k * t.leafSpan());
      }
      AtomicBoolean go = new AtomicBoolean();
      for (int actor = 0; actor < 2; actor++) {
        int at = actor * 7;
        w.actor(
            "attacher",
            () -> {
              while (!go.get()) {
                Thread.onSpinWait();
              }
              for (int k = 0; k < leaves; k++) {
                PageTable.Leaf leaf = t.makeLeaf(k * t.leafSpan());
                leaf.attach(at, leaf);
              }
            });
      }
      go.set(true);
      w.join();
      for (int k = 0; k < leaves; k++) {
        PageTable.Leaf leaf = t.makeLeaf(k * t.leafSpan());
        assertThat(leaf.attachment(0)).isSameAs(leaf);
        assertThat(leaf.attachment(7)).isSameAs(leaf);
      }
    }
  }

  @Test
  void walkers_missNothingThatIsThere_whileTheTreeGrowsAndShrinks() {
    try (HwWorld w = HwWorld.plain()) {
      AtomicBoolean stop = new AtomicBoolean();
      for (int round = 0; round < 200; round++) {
        PageTable t = w.table();
        PageTable.Leaf low = t.makeLeaf(0);
        stop.set(false);
        w.actor(
            "walker",
            () -> {
              while (!stop.get()) {
                if (t.leaf(0) != low) {
                  throw new AssertionError("lost the leaf that was there");
                }
                if (t.nextLeafAddress(0, TOP) != 0) {
                  throw new AssertionError("skipped the leaf that was there");
                }
              }
            });
        for (long va = t.leafSpan(); va < TOP; va <<= 3) {
          t.makeLeaf(va);
        }
        for (long va = t.leafSpan(); va < TOP; va <<= 3) {
          t.unlinkIfEmpty(va);
        }
        stop.set(true);
        w.join();
      }
    }
  }
}
