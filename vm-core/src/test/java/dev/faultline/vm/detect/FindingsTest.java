package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.KernelPanic;
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
            Finding.of(Finding.Kind.CONTENT, "a", 101),
            Finding.of(Finding.Kind.INVARIANT, "I-1 b", Map.of("page", "7")).at(102, 0));
    assertThat(f).hasToString("3 findings, first: CONTENT a");
  }

  @Test
  void details_areCopiedInTheirOrder() {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("z", "1");
    d.put("a", "2");
    Finding f = Finding.of(Finding.Kind.HANG, "m", d);
    d.clear();
    assertThat(f.details().keySet()).containsExactly("z", "a");
    assertThat(Finding.of(Finding.Kind.PANIC, "p", 3)).hasToString("PANIC p");
  }

  @Test
  void theNumberOfTheInvariant_isTakenFromTheMessage() {
    assertThat(Finding.of(Finding.Kind.HANG, "I-58 hung", 0).invariant()).isEqualTo("I-58");
    assertThat(Finding.of(Finding.Kind.HANG, "I- hung", 0).invariant()).isEmpty();
    assertThat(Finding.of(Finding.Kind.HANG, "hung", 0).invariant()).isEmpty();
  }

  @Test
  void circumstances_areThoseOfTheRun() {
    Findings f = new Findings();
    f.context(new FindingContext(Map.of("mode", "up"), () -> 17, () -> Map.of("cpu 0", List.of("fault")), "again!"));
    f.add(Finding.of(Finding.Kind.HANG, "I-58 hung", Map.of("memory", "none")));
    Finding x = f.list().get(0);
    assertThat(x.configuration()).containsEntry("mode", "up");
    assertThat(x.tick()).isEqualTo(17);
    assertThat(x.lastEvents()).containsEntry("cpu 0", List.of("fault"));
    assertThat(x.again()).isEqualTo("again!");
    assertThat(x.details()).containsEntry("memory", "none");
  }

  @Test
  void aDeath_isWhatTheDetectorFound_orAPanic() {
    Findings f = new Findings();
    f.addDeath(KernelPanic.of("ownership: I-12 double release", "page 3", "held: not at all"));
    f.addDeath(KernelPanic.of("witness: I-56 a circle of waits"));
    f.addDeath(KernelPanic.of("vm_page_free: wired page", "page 4"));
    f.addDeath(new IllegalStateException("oops"));
    assertThat(f.list()).extracting(Finding::kind).containsExactly(
        Finding.Kind.OWNERSHIP, Finding.Kind.ORDER, Finding.Kind.PANIC, Finding.Kind.PANIC);
    assertThat(f.list()).extracting(Finding::invariant).containsExactly("I-12", "I-56", "I-64", "I-64");
    assertThat(f.list().get(0).message()).isEqualTo("I-12 double release");
    assertThat(f.list().get(0).details()).containsEntry("state 1", "page 3").containsEntry("state 2",
        "held: not at all").containsKey("at");
    assertThat(f.list().get(3).message()).contains("IllegalStateException: oops");
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
