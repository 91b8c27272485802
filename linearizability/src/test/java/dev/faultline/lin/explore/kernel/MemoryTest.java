package dev.faultline.lin.explore.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.lin.explore.Exploration;
import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.dpor.OptimalDpor;
import dev.faultline.lin.explore.engine.Chooser;
import dev.faultline.lin.explore.strategy.RandomWalk;
import dev.faultline.vm.scenario.Scenarios;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What an exploration keeps does not grow with its executions: the heap after a collection, at each tenth of them.
 * {@code -Dfaultline.executions=N}, a million unless given.
 */
@Tag("slow")
@Timeout(value = 3600, unit = TimeUnit.SECONDS)
class MemoryTest {
  private static final long EXECUTIONS = Long.getLong("faultline.executions", 1_000_000);
  private static final int TENTHS = 10;
  private static final int LOOKS_MIN = 8; // a scenario may have fewer classes than that
  private static final long SLACK_KIB = 1024;

  private static long usedBytes() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static void isFlat(String scenario, Chooser chooser) {
    Heap heap = new Heap();
    Exploration x =
        new Explorer(ScenarioProgram.of(Objects.requireNonNull(Scenarios.named(scenario))))
            .executions(EXECUTIONS)
            .stopWhen(heap::looks)
            .run(chooser);
    assertThat(x.finding()).isNull();
    System.out.printf(Locale.ROOT, "%s, %s: %,d executions, %s, in %,.0f s; KiB of heap at each tenth of %,d: %s%n",
        scenario, chooser.getClass().getSimpleName(), x.executions() + x.redundant(), x.verdict(), x.nanos() / 1e9,
        EXECUTIONS, heap.used);
    assertThat(heap.used).hasSizeGreaterThanOrEqualTo(LOOKS_MIN);
    assertThat(heap.used.get(heap.used.size() - 1)).isLessThan(heap.used.get(0) + SLACK_KIB);
  }

  /** Looks at the heap now and then. Asked after each execution but the last, by whoever has the turn. */
  private static final class Heap {
    final List<Long> used = new ArrayList<>();
    private long asked;

    boolean looks() {
      if (++asked % (EXECUTIONS / TENTHS) == 0) {
        used.add(usedBytes() >> 10);
      }
      return false;
    }
  }

  @Test
  void randomWalk_keepsNothing() {
    isFlat("daemon-pageins", new RandomWalk(1));
  }

  @Test
  void everyClass_keepsTheSchedulesThatAreLeft() {
    isFlat("daemon-pageins", new OptimalDpor());
  }
}
