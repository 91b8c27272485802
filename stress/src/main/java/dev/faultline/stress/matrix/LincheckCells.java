package dev.faultline.stress.matrix;

import dev.faultline.lin.lincheck.LincheckScenario;
import dev.faultline.stress.matrix.Cell.State;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.util.ArrayList;
import java.util.List;

/** Lincheck's model checker. What is gone on with, it begins anew, as its choices cannot be told where to go on. */
final class LincheckCells implements CellRunner {
  private static final int DYNAMIC_AGENTS_ASKED = 21; // the first JDK that warns of agents loaded later

  /** Returns the JVM options that Lincheck asks for, and the quick compiler alone: its runs are short. */
  static List<String> jvmOptions() {
    List<String> options = new ArrayList<>(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "--add-exports=java.base/jdk.internal.util=ALL-UNNAMED"));
    if (Runtime.version().feature() >= DYNAMIC_AGENTS_ASKED) {
      options.add("-XX:+EnableDynamicAgentLoading");
    }
    return options;
  }

  @Override
  public Cell run(Cell so, long nanos) {
    Scenario s = Scenarios.named(so.scenario());
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + so.scenario());
    }
    LincheckScenario.Result r = LincheckScenario.run(s, so.variant().mode(), so.variant().defects(), nanos);
    State state = r.finding() == null ? State.NOTHING : State.FOUND;
    return so.plus(state, r.executions(), r.nanos(), r.finding());
  }
}
