package dev.faultline.lin.lincheck;

import org.jetbrains.lincheck.datastructures.Operation;

/** A kernel scenario as one operation of Lincheck, which starts threads of its own. Made by Lincheck. */
public final class ScenarioSuite {
  private final ScenarioThreads threads = new ScenarioThreads(LincheckScenario.subject(), false);

  /** Runs the actors, and judges what they left. */
  @Operation
  public void run() {
    threads.run();
  }

  /** An operation that returns nothing is right when it throws nothing. */
  public static final class Quietly {
    /** Does nothing. */
    public void run() {}
  }
}
