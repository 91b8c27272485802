package dev.faultline.lin.lincheck;

import java.util.Set;
import org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/** How Lincheck's model checker is run here. */
final class ModelChecking {
  /*
   * Implementation overview
   *
   * Watchdog   Lincheck calls an invocation hung that takes longer than 30 s of wall time, and the first invocations of
   *            a suite rewrite some hundred classes in that time: on a busy machine that is a false hang. Real ones do
   *            not need the watchdog, as the checker sees when nobody can go on; so it is given ten minutes.
   * Ignored    What the model checker does not look into, and why that hides nothing: worlds boot before the parallel
   *            part begins and choose the thread's own strand; Strand.current and KThread look at the thread's own
   *            fields; Witness (off in the suites) likewise. The ownership registry takes no lock and is read where
   *            all is at rest; so are the invariants, in the midst of nothing. Looked into all the same: what runs an
   *            operation, what starts a thread (which is the checker's only if it sees that), the step that a strand
   *            announces, and the count of an event, which with H-COUNTERS is everybody's. What LincheckScenario notes
   *            of a run is Lincheck's to put back after each invocation otherwise.
   */
  static final long WATCHDOG_MS = 600_000;

  private static final Set<String> IGNORED =
      Set.of(
          "dev.faultline.hw.strand.Strand",
          "dev.faultline.lin.lincheck.LincheckScenario",
          "dev.faultline.vm.sync.Hold",
          "dev.faultline.vm.sync.HoldTable",
          "dev.faultline.vm.sync.Holders",
          "dev.faultline.vm.sync.KThread",
          "dev.faultline.vm.sync.SyncDomain",
          "dev.faultline.vm.sync.Witness");

  private static final String INVARIANTS = "dev.faultline.vm.detect."; // package

  private static final Set<String> LOOKED_INTO =
      Set.of("count", "word", "test", "run", "point", "countPlainly", "start", "mayWaitUnderMap");

  private ModelChecking() {}

  /** Returns options for suites whose own classes are all looked into. */
  static ModelCheckingOptions options() {
    return options("");
  }

  /**
   * Returns options.
   *
   * @param world the name of the class that boots worlds and chooses strands, whose methods are not looked into but
   *     for those that run an operation
   */
  static ModelCheckingOptions options(String world) {
    return new ModelCheckingOptions()
        .addGuarantee(
            ManagedStrategyGuaranteeKt.forClasses(
                    name -> name.equals(world) || IGNORED.contains(name) || name.startsWith(INVARIANTS))
                .methods(m -> !LOOKED_INTO.contains(m))
                .ignore())
        .invocationTimeout$lincheck(WATCHDOG_MS);
  }
}
