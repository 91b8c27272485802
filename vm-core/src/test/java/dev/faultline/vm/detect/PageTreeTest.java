package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.ThreadStrands;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class PageTreeTest {
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private record Pair(PageTree tree, TreeMap<Long, ModelPage> model) {}

  private static Map<Long, ModelPage> content(PageTree t, long from, long to) {
    Map<Long, ModelPage> m = new HashMap<>();
    t.forEach(from, to, m::put);
    return m;
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 5_000, Integer.MAX_VALUE})
  void treesAndTheirCopies_areMapsOfTheirOwn(int numbers) {
    SplittableRandom random = new SplittableRandom(numbers);
    List<Pair> pairs = new ArrayList<>();
    pairs.add(new Pair(new PageTree(), new TreeMap<>()));
    for (int i = 0; i < 3_000; i++) {
      Pair p = pairs.get(random.nextInt(pairs.size()));
      long n = random.nextInt(numbers) * (numbers == Integer.MAX_VALUE ? 1_000L : 1L);
      switch (random.nextInt(12)) {
        case 0 -> {
          if (pairs.size() < 20) {
            pairs.add(new Pair(p.tree.copy(), new TreeMap<>(p.model)));
            p.model.values().forEach(m -> assertThat(p.tree.owns(m)).isFalse());
          }
        }
        case 1 -> {
          long to = n + random.nextInt(1, numbers);
          p.tree.clear(n, to);
          p.model.subMap(n, to).clear();
        }
        default -> {
          ModelPage m = p.tree.newPage();
          assertThat(p.tree.owns(m)).isTrue();
          p.tree.put(n, m);
          p.model.put(n, m);
        }
      }
      assertThat(p.tree.get(n)).isSameAs(p.model.get(n));
    }
    for (Pair p : pairs) {
      assertThat(content(p.tree, 0, Long.MAX_VALUE)).isEqualTo(p.model);
      assertThat(content(p.tree, 17, numbers / 2)).isEqualTo(p.model.subMap(17L, numbers / 2L));
      p.tree.clear(0, Long.MAX_VALUE);
      assertThat(content(p.tree, 0, Long.MAX_VALUE)).isEmpty();
    }
  }

  @Test
  void whoeverComesFirst_makesThePageOfASharedTree() {
    for (int round = 0; round < 50; round++) {
      PageTree tree = new PageTree();
      int threads = 4;
      int numbers = 300;
      AtomicReferenceArray<ModelPage> got = new AtomicReferenceArray<>(threads * numbers);
      var strands = new ArrayList<dev.faultline.hw.strand.Strand>();
      for (int t = 0; t < threads; t++) {
        int me = t;
        strands.add(
            STRANDS.start(
                "maker",
                () -> {
                  for (int i = 0; i < numbers; i++) {
                    int k = me % 2 == 0 ? i : numbers - 1 - i;
                    got.set(me * numbers + k, tree.getOrMake(k * 97L * k));
                  }
                }));
      }
      strands.forEach(STRANDS::join);
      for (int k = 0; k < numbers; k++) {
        ModelPage p = tree.get(k * 97L * k);
        assertThat(p).isNotNull();
        for (int t = 0; t < threads; t++) {
          assertThat(got.get(t * numbers + k)).isSameAs(p);
        }
      }
    }
  }
}
