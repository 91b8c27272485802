package dev.faultline.vm.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SwapMapTest {
  @Test
  void takeCluster_handsOutAlignedClustersFromTheBottom() {
    SwapMap map = new SwapMap(24);
    assertThat(map.takeOne()).isZero();
    assertThat(map.takeCluster()).isEqualTo(8);
    assertThat(map.takeCluster()).isEqualTo(16);
    assertThat(map.takeCluster()).isEqualTo(SwapMap.NONE);
    assertThat(map.freeCount()).isEqualTo(7);
    assertThat(map.takeOne()).isEqualTo(1);
  }

  @Test
  void takeCluster_ignoresTheOddEnd() {
    SwapMap map = new SwapMap(7);
    assertThat(map.takeCluster()).isEqualTo(SwapMap.NONE);
    for (int i = 0; i < 7; i++) {
      assertThat(map.takeOne()).isEqualTo(i);
    }
    assertThat(map.takeOne()).isEqualTo(SwapMap.NONE);
  }

  @Test
  void anEmptyMap_hasNothing() {
    SwapMap map = new SwapMap(0);
    assertThat(map.takeOne()).isEqualTo(SwapMap.NONE);
    assertThat(map.takeCluster()).isEqualTo(SwapMap.NONE);
    assertThat(map.freeCount()).isZero();
  }

  @Test
  void give_panicsOnAFreePage() {
    SwapMap map = new SwapMap(8);
    int page = map.takeOne();
    map.give(page);
    assertThatThrownBy(() -> map.give(page)).isInstanceOf(KernelPanic.class).hasMessageContaining("freed twice");
    assertThatThrownBy(() -> map.give(8)).isInstanceOf(KernelPanic.class);
  }

  @Test
  void doubtfulPages_areFree_butOnlyTakenOnRequest_oneAfterTheOther() {
    SwapMap map = new SwapMap(9);
    for (int i = 0; i < 3; i++) {
      map.giveDoubtful(map.takeOne());
    }
    assertThat(map.takeCluster()).as("not whole any more").isEqualTo(SwapMap.NONE);
    for (int i = 3; i < 9; i++) {
      assertThat(map.takeOne()).isEqualTo(i);
    }
    assertThat(map.takeOne()).isEqualTo(SwapMap.NONE);
    assertThat(map.freeCount()).isEqualTo(3);
    assertThat(map.goodCount()).isZero();
    assertThat(map.countFree()).isEqualTo(3);
    assertThat(map.isFree(1)).isTrue();
    assertThat(map.takeDoubtful()).isZero();
    map.giveDoubtful(0);
    assertThat(map.takeDoubtful()).isEqualTo(1);
    assertThat(map.takeDoubtful()).isEqualTo(2);
    map.give(2);
    assertThat(map.takeOne()).as("a good one again").isEqualTo(2);
    assertThat(map.takeDoubtful()).isZero();
    assertThat(map.takeDoubtful()).isEqualTo(SwapMap.NONE);
    assertThatThrownBy(() -> new SwapMap(1).giveDoubtful(0)).isInstanceOf(KernelPanic.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 63, 64, 65, 200, 5000, 20_000})
  void anyHistory_agreesWithASet(int size) {
    SwapMap map = new SwapMap(size);
    BitSet used = new BitSet();
    Random random = new Random(size);
    for (int step = 0; step < 20_000; step++) {
      switch (random.nextInt(step / 5000 % 2 == 0 ? 3 : 5)) { // grows, then shrinks, and again
        case 0 -> {
          int lowest = used.nextClearBit(0);
          assertThat(map.takeOne()).isEqualTo(lowest < size ? lowest : SwapMap.NONE);
          if (lowest < size) {
            used.set(lowest);
          }
        }
        case 1 -> {
          int cluster = lowestCluster(used, size);
          assertThat(map.takeCluster()).isEqualTo(cluster);
          if (cluster != SwapMap.NONE) {
            used.set(cluster, cluster + 8);
          }
        }
        default -> {
          int page = used.nextSetBit(random.nextInt(size));
          if (page >= 0) {
            map.give(page);
            used.clear(page);
          }
        }
      }
      assertThat(map.freeCount()).isEqualTo(size - used.cardinality());
    }
    assertThat(map.countFree()).isEqualTo(map.freeCount());
    for (int i = 0; i < size; i++) {
      assertThat(map.isFree(i)).isEqualTo(!used.get(i));
    }
  }

  private static int lowestCluster(BitSet used, int size) {
    for (int at = 0; at + 8 <= size; at += 8) {
      int next = used.nextSetBit(at);
      if (next < 0 || next >= at + 8) {
        return at;
      }
    }
    return SwapMap.NONE;
  }
}
