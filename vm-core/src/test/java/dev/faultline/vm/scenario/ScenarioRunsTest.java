package dev.faultline.vm.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Quiescence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every scenario ends as its check wants it, by whatever order its actors run in: one after another from either end,
 * (the next begins when the one before has ended, or waits for memory) and at once on real threads. The engines of the
 * modules above look for the rarer schedules.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ScenarioRunsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How the actors of a run follow each other. */
  private enum Order {
    FIRST_TO_LAST,
    LAST_TO_FIRST,
    TOGETHER
  }

  static Stream<Arguments> runs() {
    return Scenarios.all().stream()
        .flatMap(s -> Stream.of(Order.values()).map(o -> Arguments.of(s.name(), o)));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void anyOrder_endsAsTheCheckWantsIt(String name, Order order) {
    run(name, Mode.FIXED, order);
  }

  @ParameterizedTest
  @MethodSource("dev.faultline.vm.scenario.Scenarios#all")
  void onOneProcessorAtATime_endsAsTheCheckWantsIt(Scenario s) {
    run(s.name(), Mode.UP, Order.TOGETHER);
  }

  private static void run(String name, Mode mode, Order order) {
    Scenario s = Scenarios.named(name);
    assertThat(s).isNotNull();
    ThreadStrands strands = new ThreadStrands();
    strands.attach("test");
    try {
      ScenarioWorld w = ScenarioWorld.of(s, mode, EnumSet.noneOf(Defect.class), strands);
      List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
      runActors(w, order, failures);
      assertThat(failures).isEmpty();
      w.settle(() -> assertThat(Quiescence.await(w.kernel(), PATIENCE.toNanos())).as("comes to rest").isTrue());
    } finally {
      strands.detach();
    }
  }

  private static void runActors(ScenarioWorld w, Order order, List<Throwable> failures) {
    List<ScenarioActor> actors = new ArrayList<>(w.actors());
    if (order == Order.LAST_TO_FIRST) {
      Collections.reverse(actors);
    }
    Strands strands = w.kernel().machine().strands();
    CountDownLatch ready = new CountDownLatch(order == Order.TOGETHER ? actors.size() : 1);
    List<Strand> running = new ArrayList<>();
    for (ScenarioActor a : actors) {
      Strand strand = strands.start(a.name(), () -> act(a, ready, failures));
      running.add(strand);
      if (order != Order.TOGETHER) {
        await().pollInSameThread().pollInterval(Duration.ofMillis(1)).alias(a.name()).atMost(PATIENCE)
            .until(() -> strands.join(strand, 0) || waitsForMemory(w, a));
      }
    }
    for (Strand strand : running) {
      assertThat(strands.join(strand, PATIENCE.toNanos())).as("%s is done", strand).isTrue();
    }
  }

  /** Returns whether an actor sleeps until a later one gives it memory, as some scenarios want it. */
  private static boolean waitsForMemory(ScenarioWorld w, ScenarioActor a) {
    boolean[] waits = new boolean[1];
    w.kernel().domain().forEachThread(t -> waits[0] |= t.name().equals(a.name()) && "vmwait".equals(t.sleepTag()));
    return waits[0];
  }

  private static void act(ScenarioActor a, CountDownLatch ready, List<Throwable> failures) {
    try {
      a.prepare();
      ready.countDown();
      ready.await();
      a.run();
      a.finish();
    } catch (Throwable t) {
      failures.add(t);
    }
  }
}
