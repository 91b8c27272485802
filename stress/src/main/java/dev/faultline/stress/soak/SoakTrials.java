package dev.faultline.stress.soak;

import dev.faultline.hw.strand.Perturbation;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.stress.free.FreeTrial;
import dev.faultline.stress.free.Stress;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.scenario.Scenario;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a scenario for a soak: again and again, each time in a new world, until it has run as often as its plan says or
 * something is found.
 *
 * <p>A program comes by most of a kernel, but seldom by two given places at once; a scenario's actors do nothing else.
 */
final class SoakTrials {
  private final ThreadStrands strands; // (C)
  private final BooleanSupplier stopping; // (C)

  SoakTrials(ThreadStrands strands, BooleanSupplier stopping) {
    this.strands = strands;
    this.stopping = stopping;
  }

  /**
   * Runs {@code world}, whose load is a scenario. The caller is no strand.
   *
   * @param began host time at which the world began
   */
  SoakRun.Outcome run(SoakWorld world, long began) {
    Findings findings = new Findings();
    strands.attach("soak");
    long faults = 0;
    int done = 0;
    try {
      while (done < world.runs() && findings.isEmpty() && !stopping.getAsBoolean()) {
        faults += runOnce(world, world.programSeed() + done, findings);
        done++;
      }
    } finally {
      strands.detach();
    }
    return new SoakRun.Outcome(world, findings, 0, 0, done, faults, 0, 0, System.nanoTime() - began);
  }

  /** Runs it once; returns how many faults that were. */
  private long runOnce(SoakWorld world, long seed, Findings findings) {
    Scenario scenario = world.theScenario();
    Unrest unrest = world.unrest();
    SoakProbe probe =
        new SoakProbe(seed, unrest.holdShare(), 1000 * unrest.holdMicros() + 1, world.mode(), findings);
    Perturbation perturbation = unrest.perturbation(seed);
    AtomicReference<@Nullable Kernel> kernel = new AtomicReference<>();
    FreeTrial.Stage stage =
        new FreeTrial.Stage(strands, perturbation == null ? strands : strands.perturbed(perturbation), probe, k -> {
          findings.context(FindingContext.of(k, world.command()));
          probe.watch(k);
          kernel.set(k);
        });
    FreeTrial trial = new FreeTrial(stage);
    String wrong = trial.run(scenario, world.mode(), world.defects(), seed);
    if (wrong != null) {
      Map<String, String> alone =
          Map.of("alone", Stress.command("stress", scenario, world.mode(), world.defects()) + " --seed " + seed);
      Throwable death = trial.death();
      if (death != null) {
        findings.addDeath(death, alone);
      } else {
        boolean hang = wrong.startsWith(FreeTrial.HANG);
        findings.add(
            hang ? Finding.Kind.HANG : Finding.Kind.INVARIANT, hang ? "I-58 " + wrong : wrong, alone);
      }
    }
    Kernel k = kernel.get();
    return k == null ? 0 : k.domain().events(Event.VM_FAULTS.ordinal());
  }

  @Override
  public String toString() {
    return "runs of scenarios on " + strands;
  }
}
