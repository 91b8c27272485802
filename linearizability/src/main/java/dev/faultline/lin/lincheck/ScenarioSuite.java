package dev.faultline.lin.lincheck;

import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;

/** The actors of a kernel scenario as operations of Lincheck, one a thread. Made by Lincheck. */
public final class ScenarioSuite {
  private final ActorFlows flows = new ActorFlows();

  /** The first actor. */
  @Operation
  public void first() {
    flows.run(0);
  }

  /** The second actor. */
  @Operation
  public void second() {
    flows.run(1);
  }

  /** The third actor. */
  @Operation
  public void third() {
    flows.run(2);
  }

  /** The fourth actor. */
  @Operation
  public void fourth() {
    flows.run(3);
  }

  /** All have ended. */
  @Validate
  public void settle() {
    flows.settle();
  }

  /** Operations that return nothing are in every order alike; what is right, the scenario's check says. */
  public static final class AnyOrder {
    /** Does nothing. */
    public void first() {}

    /** Does nothing. */
    public void second() {}

    /** Does nothing. */
    public void third() {}

    /** Does nothing. */
    public void fourth() {}
  }
}
