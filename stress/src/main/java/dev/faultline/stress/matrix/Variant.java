package dev.faultline.stress.matrix;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * A kernel that scenarios are run on: the correct one, one with a defect, or the seed's own steps on real processors
 * (mode NAIVE, vm-semantics 5.5).
 *
 * @param label as on the command line and in the page
 */
public record Variant(String label, Mode mode, Set<Defect> defects) {
  /** The correct kernel. */
  public static final Variant HEALTHY = new Variant("healthy", Mode.FIXED, Set.of());

  /** The seed without any lock. */
  public static final Variant NAIVE = new Variant("NAIVE", Mode.NAIVE, Set.of());

  /** The correct kernel but for one thing. */
  public static Variant of(Defect d) {
    return new Variant(d.label(), Mode.FIXED, Set.of(d));
  }

  /** Returns the broken ones: each defect that no kernel has anyway, and {@link #NAIVE}. */
  public static List<Variant> broken() {
    List<Variant> all = new ArrayList<>();
    for (Defect d : Defect.values()) {
      if (!Defect.defaults().contains(d)) {
        all.add(of(d));
      }
    }
    all.add(NAIVE);
    return all;
  }

  /**
   * Returns the one of a label, in upper or lower case.
   *
   * @throws IllegalArgumentException if there is none; the message is one line that names those that there are
   */
  public static Variant named(String label) {
    if (label.equalsIgnoreCase(HEALTHY.label)) {
      return HEALTHY;
    }
    List<String> labels = new ArrayList<>();
    for (Variant v : broken()) {
      if (v.label.equalsIgnoreCase(label)) {
        return v;
      }
      labels.add(v.label);
    }
    throw new IllegalArgumentException(
        "no defect '" + label.toUpperCase(Locale.ROOT) + "'; there are " + String.join(", ", labels));
  }

  /** Returns whether nothing may be found on it. */
  public boolean isHealthy() {
    return this.equals(HEALTHY);
  }

  @Override
  public String toString() {
    return label;
  }
}
