package dev.faultline.stress.matrix;

/** What runs a scenario. */
public enum Engine {
  /** Schedules one by one at the strands' steps: optimal reduction first, then partial order sampling. */
  EXPLORER("explorer", 25, 15),
  /** Real threads that run freely. */
  STRESS("stress", 20, 15),
  /** Lincheck's model checker, which switches at every access to shared memory. */
  LINCHECK("lincheck", 35, 300),
  /** jcstress's runner, on scenarios of two actors. */
  JCSTRESS("jcstress", 20, 30);

  private final String label; // (C)
  private final int weight; // (C)
  private final int patienceSeconds; // (C)

  Engine(String label, int weight, int patienceSeconds) {
    this.label = label;
    this.weight = weight;
    this.patienceSeconds = patienceSeconds;
  }

  /** Returns its part of the budget, in comparison with the others': Lincheck rewrites the kernel's classes first. */
  public int weight() {
    return weight;
  }

  /** Returns how long to wait for an answer beyond a cell's time: stress calls it a hang after ten seconds itself. */
  public int patienceSeconds() {
    return patienceSeconds;
  }

  /** Returns the name on the command line and in the page. */
  public String label() {
    return label;
  }
}
