package dev.faultline.stress.matrix;

import dev.faultline.lin.explore.Explorer;
import dev.faultline.lin.explore.kernel.ScenarioProgram;
import dev.faultline.lin.explore.strategy.Pos;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which defects a scenario could show: those whose switch the correct kernel consults in it. Works only where {@link
 * SwitchLoader} has loaded it, and the kernel.
 */
public final class Reach {
  private static final int EXECUTIONS = 40;
  private static final long NANOS = 3_000_000_000L;
  private static final String COUNTERS = "plainCounts"; // the one that is not called as its defect is

  private static final Set<String> READ = ConcurrentHashMap.newKeySet();

  private Reach() {}

  /** Hears that a switch is read. Called by what {@link SwitchLoader} adds to the kernel. */
  public static void read(String field) {
    READ.add(field);
  }

  /** Returns the labels of the defects whose switches a sample of a scenario's schedules consults. */
  public static List<String> of(String scenario) {
    Scenario s = Scenarios.named(scenario);
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + scenario);
    }
    READ.clear();
    new Explorer(ScenarioProgram.of(s)).executions(EXECUTIONS).nanos(NANOS).run(new Pos(1));
    List<String> labels = new ArrayList<>();
    for (Defect d : EnumSet.allOf(Defect.class)) {
      if (READ.stream().anyMatch(f -> isSwitch(f, d))) {
        labels.add(d.label());
      }
    }
    return labels;
  }

  private static boolean isSwitch(String field, Defect d) {
    String name = field.equals(COUNTERS) ? "hCounters" : field;
    return name.equalsIgnoreCase(d.name().replace("_", ""));
  }

  /** Returns whether a field of the kernel is some defect's switch. */
  static boolean isSwitch(String field) {
    return EnumSet.allOf(Defect.class).stream().anyMatch(d -> isSwitch(field, d));
  }

  @Override
  public String toString() {
    return "reach " + String.join(" ", READ).toLowerCase(Locale.ROOT);
  }
}
