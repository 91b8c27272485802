package dev.faultline.stress.free;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import dev.faultline.vm.sync.Channel;
import dev.faultline.vm.sync.NamedChannel;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Scenarios run freely: nothing on the correct kernel, in either mode. What is found with defects: MatrixTest. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class StressTest {
  private static final int TIMES = 20;

  static Stream<Scenario> scenarios() {
    return Scenarios.all().stream();
  }

  private static Stress.Result run(Scenario s, Mode mode, long iterations) throws InterruptedException {
    Stress.Plan plan = new Stress.Plan(s, mode, Set.of(), 1, iterations, Long.MAX_VALUE, 2);
    return new Stress(plan, r -> {}).run();
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void correctKernel_hasNoFinding(Scenario s) throws InterruptedException {
    for (Mode m : new Mode[] {Mode.FIXED, Mode.UP}) {
      Stress.Result r = run(s, m, TIMES);
      assertThat(r.found()).as("%s in mode %s", s.name(), m).isNull();
      assertThat(r.iterations()).isEqualTo(TIMES);
    }
  }

  /** The check's own fault makes the page daemon write, and a request is out: no I-46 until the kernel is at rest. */
  @Test
  void checkThatGivesTheDaemonWork_isFollowedByRest() throws InterruptedException {
    Scenario s = Scenarios.named("memory-daemon");
    assertThat(s).isNotNull();
    assertThat(run(s, Mode.FIXED, 600).found()).isNull();
  }

  /** Set-up and check are kernel code: a lost wakeup may hit them as well as any actor. */
  @ParameterizedTest
  @ValueSource(strings = {"the set-up", "the check", "sleeper"})
  void whoeverSleepsForGood_isAFindingThatNamesTheWait(String who) throws InterruptedException {
    Scenario two = Scenarios.all().get(0);
    Scenario s =
        new Scenario(
            "sleeps",
            "Somebody sleeps and nobody is left to wake him.",
            two.exercises(),
            two.shape(),
            w -> {
              Channel c = new NamedChannel("nothing", 0);
              Runnable sleep = () -> w.kernel().domain().sleepQueues().sleepOn(c, null, "never");
              if (who.equals("the set-up")) {
                w.inKernel(sleep);
              }
              w.actor("sleeper", who.equals("sleeper") ? sleep : () -> {});
              w.check(() -> w.inKernel(who.equals("the check") ? sleep : () -> {}));
            });
    Stress.Result r = run(s, Mode.FIXED, 1);
    assertThat(r.found()).isNotNull();
    assertThat(r.found().message()).startsWith("hang: " + who + " is not done; ").contains("waits, never, for nothing");
  }

  @Test
  void anythingThatAnActorThrows_isAFinding() throws InterruptedException {
    Scenario two = Scenarios.all().get(0);
    Scenario s =
        new Scenario(
            "broken",
            "An actor dies.",
            two.exercises(),
            two.shape(),
            w -> {
              w.actor("dies", () -> w.expect("one", 1, 2));
              w.actor("lives", () -> {});
            });
    Stress.Result r = run(s, Mode.FIXED, 10);
    assertThat(r.found()).isNotNull();
    assertThat(r.found().message()).isEqualTo("one is 1 instead of [2]");
  }

  /** The host's clock, which jumps between two looks at it. */
  private static final class Jumping extends Strands {
    private final Strands threads; // (C)
    private final AtomicLong jumps = new AtomicLong();

    Jumping(Strands threads) {
      this.threads = threads;
    }

    @Override
    public Strand start(String name, Runnable body) {
      return threads.start(name, body);
    }

    @Override
    public Strand attach(String name) {
      return threads.attach(name);
    }

    @Override
    public void detach() {
      threads.detach();
    }

    @Override
    public void join(Strand strand) {
      threads.join(strand);
    }

    @Override
    public boolean join(Strand strand, long nanos) {
      return threads.join(strand, nanos);
    }

    @Override
    public long nanoTime() {
      return threads.nanoTime() + jumps.incrementAndGet() * 20_000_000_000L;
    }

    @Override
    public boolean controlled() {
      return false;
    }

    @Override
    public Strands world(BiConsumer<Strand, Throwable> onDeath) {
      return threads.world(onDeath);
    }
  }

  /** When the host has stood still, who is watched has not been run any more than who watches. */
  @Test
  void aPauseOfTheHost_isNoHang() {
    Scenario two = Scenarios.all().get(0);
    Runnable late = () -> Strand.current().parkNanos(700_000_000);
    Scenario s =
        new Scenario(
            "late",
            "All take their time.",
            two.exercises(),
            two.shape(),
            w -> {
              late.run();
              w.actor("late", late);
              w.check(late);
            });
    Strands threads = new ThreadStrands();
    FreeTrial trial = new FreeTrial(FreeTrial.Stage.of(new Jumping(threads)));
    AtomicReference<Object> found = new AtomicReference<>("not run");
    threads.join(threads.start("watcher", () -> found.set(trial.run(s, Mode.FIXED, Set.of(), 1))));
    assertThat(found.get()).isNull();
  }
}
