package dev.faultline.vm.pager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class SwapTableTest {
  private PagerWorld world;
  private SwapTable table;

  @BeforeEach
  void makeTable() {
    world = PagerWorld.of(Mode.FIXED);
    VmObject o = world.anonymous(1);
    table = new SwapTable(o);
  }

  @AfterEach
  void closeWorld() {
    world.close();
  }

  @Test
  void records_existOnlyWhereSomethingIs() {
    long far = 1L << 40;
    SwapTable.Block b = table.findOrAdd(far);
    assertThat(table.find(far)).isSameAs(b);
    assertThat(table.find(far + 1)).isNull();
    assertThat(table.validPage((far << 3) + 3)).isEqualTo(SwapTable.EMPTY);
    table.assign(b, 3, 77);
    assertThat(table.validPage((far << 3) + 3)).as("allocated, not valid").isEqualTo(SwapTable.EMPTY);
    assertThat(table.spare()).isOne();
    table.setValid(b, 3, true);
    assertThat(table.validPage((far << 3) + 3)).isEqualTo(77);
    assertThat(table.blockCount()).isOne();
    assertThat(table.clear(b, 3)).isEqualTo(77);
    table.dropIfIdle(b);
    assertThat(table.blockCount()).isZero();
    assertThat(table.find(far)).isNull();
  }

  @Test
  void dropIfIdle_keepsALockedRecord() {
    SwapTable.Block b = table.findOrAdd(5);
    b.locked++;
    table.dropIfIdle(b);
    assertThat(table.find(5)).isSameAs(b);
    b.locked--;
    table.dropIfIdle(b);
    assertThat(table.find(5)).isNull();
  }

  @Test
  void validPage_ofANegativeIndex_isEmpty() {
    assertThat(table.validPage(-1)).isEqualTo(SwapTable.EMPTY);
  }

  @Test
  void anyHistory_agreesWithAMap() {
    Map<Long, Integer> pages = new HashMap<>();
    Map<Long, Boolean> valid = new HashMap<>();
    Random random = new Random(7);
    for (int step = 0; step < 50_000; step++) {
      long index = random.nextInt(4) == 0 ? random.nextLong() >>> 20 & ~0xfffL : random.nextInt(3000);
      int slot = (int) index & 7;
      switch (random.nextInt(4)) {
        case 0, 1 -> {
          SwapTable.Block b = table.findOrAdd(index >> 3);
          if (!pages.containsKey(index)) {
            table.assign(b, slot, step);
            pages.put(index, step);
          }
          boolean on = random.nextBoolean();
          table.setValid(b, slot, on);
          valid.put(index, on);
        }
        case 2 -> {
          SwapTable.Block b = table.find(index >> 3);
          if (b != null) {
            Integer had = pages.remove(index);
            valid.remove(index);
            assertThat(table.clear(b, slot)).isEqualTo(had == null ? SwapTable.EMPTY : had);
            table.dropIfIdle(b);
          }
        }
        default -> assertThat(table.validPage(index))
            .isEqualTo(valid.getOrDefault(index, false) ? pages.get(index) : SwapTable.EMPTY);
      }
    }
    assertThat(table.allocated()).isEqualTo(pages.size());
    assertThat(table.validCount()).isEqualTo((int) valid.values().stream().filter(v -> v).count());
    assertThat(table.blocks()).hasSize(table.blockCount()).doesNotHaveDuplicates();
    assertThat(table.blockCount()).isEqualTo((int) pages.keySet().stream().map(i -> i >> 3).distinct().count());
  }
}
