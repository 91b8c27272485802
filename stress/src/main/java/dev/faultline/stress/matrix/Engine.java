package dev.faultline.stress.matrix;

/** What runs a scenario. */
public enum Engine {
  /** Schedules one by one at the strands' steps: optimal reduction first, then partial order sampling. */
  EXPLORER("explorer"),
  /** Real threads that run freely. */
  STRESS("stress");

  private final String label; // (C)

  Engine(String label) {
    this.label = label;
  }

  /** Returns the name on the command line and in the page. */
  public String label() {
    return label;
  }
}
