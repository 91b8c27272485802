package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class FindingsTest {
  @Test
  void keepsTheFirst_andCountsAll() {
    AtomicLong step = new AtomicLong(100);
    Findings f = new Findings(2, step::incrementAndGet);
    assertThat(f.isEmpty()).isTrue();
    f.add(Finding.Kind.CONTENT, "a");
    f.add(Finding.Kind.INVARIANT, "I-1 b", Map.of("page", "7"));
    f.add(Finding.Kind.INVARIANT, "I-1 c");
    assertThat(f.count()).isEqualTo(3);
    assertThat(f.count(Finding.Kind.INVARIANT)).isEqualTo(2);
    assertThat(f.list())
        .containsExactly(
            new Finding(Finding.SCHEMA, Finding.Kind.CONTENT, "a", Map.of(), 101),
            new Finding(Finding.SCHEMA, Finding.Kind.INVARIANT, "I-1 b", Map.of("page", "7"), 102));
    assertThat(f).hasToString("3 findings, first: CONTENT a");
  }

  @Test
  void details_areCopiedInTheirOrder() {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("z", "1");
    d.put("a", "2");
    Finding f = new Finding(Finding.SCHEMA, Finding.Kind.HANG, "m", d, 0);
    d.clear();
    assertThat(f.details().keySet()).containsExactly("z", "a");
    assertThat(Finding.of(Finding.Kind.PANIC, "p", 3)).hasToString("PANIC p");
  }

  @Test
  void anybodyMayAdd() {
    ThreadStrands strands = new ThreadStrands();
    Findings f = new Findings(100, null);
    AtomicInteger heard = new AtomicInteger();
    f.listener(x -> heard.incrementAndGet());
    List<Strand> adders = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      adders.add(
          strands.start(
              "adder",
              () -> {
                for (int n = 0; n < 50; n++) {
                  f.add(Finding.Kind.ORDER, "m");
                }
              }));
    }
    adders.forEach(strands::join);
    assertThat(f.count()).isEqualTo(200);
    assertThat(f.list()).hasSize(100).extracting(Finding::step).doesNotHaveDuplicates();
    assertThat(heard).hasValue(100);
  }
}
