package dev.faultline.vm.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class BlockMapTest {
  private final BlockMap map = new BlockMap();

  @Test
  void whatWasNeverAdded_isAHole() {
    assertThat(map.lookup(0)).isEqualTo(BlockMap.HOLE);
    map.add(10, 100, 5);
    assertThat(map.lookup(9)).isEqualTo(BlockMap.HOLE);
    assertThat(map.lookup(15)).isEqualTo(BlockMap.HOLE);
    assertThat(map.lookup(14)).isEqualTo(104);
    assertThat(map.contiguousBefore(12)).isEqualTo(2);
    assertThat(map.contiguousAfter(12)).isEqualTo(2);
  }

  @Test
  void add_joinsWhatBecomesContiguous() {
    map.add(0, 100, 2);
    map.add(3, 103, 2);
    assertThat(map.extentCount()).isEqualTo(2);
    map.add(2, 102, 1);
    assertThat(map.extentCount()).isOne();
    assertThat(map.contiguousAfter(0)).isEqualTo(4);
    map.add(5, 200, 1);
    assertThat(map.extentCount()).as("next in the file, elsewhere on the disk").isEqualTo(2);
    assertThat(map.contiguousAfter(0)).isEqualTo(4);
  }

  @Test
  void add_panicsWhereSomethingIs() {
    map.add(4, 100, 2);
    assertThatThrownBy(() -> map.add(5, 300, 1)).isInstanceOf(KernelPanic.class);
    assertThatThrownBy(() -> map.add(3, 300, 2)).isInstanceOf(KernelPanic.class);
  }

  @Test
  void cut_givesBackTheRest() {
    map.add(0, 100, 4);
    map.add(8, 200, 2);
    List<String> freed = new ArrayList<>();
    map.cut(3, (place, length) -> freed.add(place + "+" + length));
    assertThat(freed).containsExactly("200+2", "103+1");
    assertThat(map.lookup(3)).isEqualTo(BlockMap.HOLE);
    assertThat(map.lookup(2)).isEqualTo(102);
    map.cut(5, (place, length) -> freed.add("too much"));
    assertThat(freed).hasSize(2);
    map.cut(0, (place, length) -> freed.add(place + "+" + length));
    assertThat(map.extentCount()).isZero();
  }

  @Test
  void anyHistory_agreesWithATable() {
    TreeMap<Long, Integer> table = new TreeMap<>();
    Random random = new Random(11);
    int nextPlace = 0;
    for (int step = 0; step < 30_000; step++) {
      long page = random.nextInt(300);
      if (random.nextInt(200) == 0) {
        List<Integer> freed = new ArrayList<>();
        map.cut(page, (place, length) -> {
          for (int i = 0; i < length; i++) {
            freed.add(place + i);
          }
        });
        assertThat(freed).containsExactlyInAnyOrderElementsOf(table.tailMap(page).values());
        table.tailMap(page).clear();
      } else if (!table.containsKey(page)) {
        Integer before = table.get(page - 1);
        boolean next = before != null && random.nextBoolean() && !table.containsValue(before + 1);
        int place = next ? before + 1 : (nextPlace += 2);
        map.add(page, place, 1);
        table.put(page, place);
        nextPlace = Math.max(nextPlace, place);
      }
      assertThat(map.lookup(page)).isEqualTo(table.getOrDefault(page, BlockMap.HOLE));
      if (table.containsKey(page)) {
        int before = 0;
        while (table.containsKey(page - before - 1) && table.get(page - before - 1) == table.get(page) - before - 1) {
          before++;
        }
        int after = 0;
        while (table.containsKey(page + after + 1) && table.get(page + after + 1) == table.get(page) + after + 1) {
          after++;
        }
        assertThat(map.contiguousBefore(page)).isEqualTo(before);
        assertThat(map.contiguousAfter(page)).isEqualTo(after);
      }
    }
  }
}
