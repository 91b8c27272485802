package dev.faultline.vm.scenario;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The scenarios that there are, by subject. */
public final class Scenarios {
  private Scenarios() {}

  /** Returns all scenarios. */
  public static List<Scenario> all() {
    List<Scenario> all = new ArrayList<>();
    all.addAll(FaultScenarios.all());
    all.addAll(CowScenarios.all());
    all.addAll(ForkScenarios.all());
    all.addAll(PageoutScenarios.all());
    all.addAll(MemoryScenarios.all());
    all.addAll(MapScenarios.all());
    all.addAll(FileScenarios.all());
    return List.copyOf(all);
  }

  /** Returns the scenario of a name, or null. */
  public static @Nullable Scenario named(String name) {
    for (Scenario s : all()) {
      if (s.name().equals(name)) {
        return s;
      }
    }
    return null;
  }
}
