package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.LincheckSettings;
import org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Options;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;

/** How the suites are run: model checking and stress, both sized for the build and raised by a system property. */
final class Lincheck {
  /*
   * Implementation overview
   *
   * Size       faultline.lincheck (default 1) multiplies scenarios and invocations. Scenarios come from Lincheck's own
   *            seed, which is fixed: a second run, or machine, repeats the first.
   */
  private static final int FACTOR = Integer.getInteger("faultline.lincheck", 1);

  /** A script that shows a defect shows it long before. */
  private static final int INVOCATIONS_TO_FIND = 2000;

  private static final int LOOP_TURNS_BEFORE_SWITCH = 10; // Lincheck's own
  private static final int LOOP_BOUND = 1_000_000;

  private static final int INVOCATIONS_TO_PASS = 50;

  private static final int INVOCATIONS_WITHOUT_DEFECT = 10;

  /** What the suite that runs now is run by; Lincheck makes its worlds without arguments. One suite runs at a time. */
  private static boolean modelChecking;

  /** What is wrong with the kernels that boot now; null: nothing. Likewise. */
  private static @Nullable KernelDefect defect;

  private Lincheck() {}

  static @Nullable KernelDefect defect() {
    return defect;
  }

  /**
   * Runs a defect's scenario, with the defect or without it.
   *
   * @return Lincheck's report; empty if nothing was found
   */
  static String report(KernelDefect d, boolean seeded) {
    defect = seeded ? d : null;
    try {
      d.check(seeded ? INVOCATIONS_TO_FIND : INVOCATIONS_WITHOUT_DEFECT * FACTOR);
      return "";
    } catch (LincheckAssertionError e) {
      return String.valueOf(e.getMessage());
    } finally {
      defect = null;
    }
  }

  static boolean modelChecking() {
    return modelChecking;
  }

  /** Model checks {@code suite} against {@code specification}: two threads, two operations each. */
  static void modelCheck(Class<?> suite, Class<?> specification, int scenarios, int invocations) {
    modelCheck(suite, specification, scenarios, invocations, 2);
  }

  static void modelCheck(Class<?> suite, Class<?> specification, int scenarios, int invocations, int operations) {
    modelChecking = true;
    shape(modelCheckingOptions(), specification, scenarios, invocations, operations).check(suite);
  }

  private static ModelCheckingOptions modelCheckingOptions() {
    return ModelChecking.options(World.class.getName());
  }

  /** Stresses {@code suite} against {@code specification}: two threads, three operations each. */
  static void stress(Class<?> suite, Class<?> specification, int scenarios, int invocations) {
    modelChecking = false;
    shape(new StressOptions(), specification, scenarios, invocations, 3).check(suite);
  }

  /**
   * Model checks a suite that is wrong, in the scenario that shows it: it must be found out. Its superclass, which is
   * right, must pass in the same scenario.
   */
  static void finds(Class<?> suite, Class<?> specification, Script script) {
    check(suite.getSuperclass(), specification, script, INVOCATIONS_TO_PASS * FACTOR);
    assertThatThrownBy(() -> check(suite, specification, script, INVOCATIONS_TO_FIND))
        .isInstanceOf(LincheckAssertionError.class);
  }

  /** Model checks one scenario. */
  static void check(Class<?> suite, Class<?> specification, Script script, int invocations) {
    check(suite, specification, script, invocations, true);
  }

  /**
   * Model checks one scenario.
   *
   * @param translation whether the model checker looks into translation and tracing. A scenario of whole address spaces
   *     need not have it switch there: nobody holds P, PV or T(cpu) outside of them, so whoever is switched away holds
   *     none of these, and TlbTest and MappingsTest are about their own structures. Would one of these locks be waited
   *     for all the same, the invocation would hang.
   */
  static void check(
      Class<?> suite, Class<?> specification, Script script, int invocations, boolean translation) {
    modelChecking = true;
    ModelCheckingOptions o = modelCheckingOptions();
    if (!translation) {
      o.addGuarantee(ManagedStrategyGuaranteeKt.forClasses(Lincheck::isTranslation).allMethods().ignore());
    }
    check(o, suite, specification, script, invocations);
  }

  /** Model checks one scenario of operations that boot a kernel themselves: everything is looked into. */
  static void checkWhole(Class<?> suite, Class<?> specification, Script script, int invocations) {
    modelChecking = true;
    ModelCheckingOptions o =
        new ModelCheckingOptions()
            .invocationTimeout$lincheck(ModelChecking.WATCHDOG_MS)
            .loopBound(LOOP_BOUND)
            .recursionBound(LOOP_BOUND);
    check(o, suite, specification, script, invocations);
  }

  private static void check(
      ModelCheckingOptions o, Class<?> suite, Class<?> specification, Script script, int invocations) {
    o
        .sequentialSpecification(specification)
        .addCustomScenario(script.scenario(suite))
        .minimizeFailedScenario(false)
        .iterations(0)
        .invocationsPerIteration(invocations)
        .check(suite);
  }

  private static boolean isTranslation(String name) {
    if (name.startsWith("dev.faultline.hw.")) {
      return !name.startsWith("dev.faultline.hw.strand.");
    }
    return name.startsWith("dev.faultline.vm.pmap.") || name.startsWith("dev.faultline.vm.trace.");
  }

  /** Stresses a suite that is wrong, in a scenario that shows it soon; it must be found out. */
  static void stressFinds(Class<?> suite, Class<?> specification, Script script) {
    modelChecking = false;
    StressOptions o =
        new StressOptions()
            .sequentialSpecification(specification)
            .addCustomScenario(script.scenario(suite))
            .minimizeFailedScenario(false)
            .iterations(0)
            .invocationsPerIteration(INVOCATIONS_TO_FIND);
    assertThatThrownBy(() -> o.check(suite)).isInstanceOf(LincheckAssertionError.class);
  }

  /**
   * Model checks a body that starts threads of its own: {@code runConcurrentTest}, with a bound for loops that lets a
   * kernel boot: the public one calls more than 50 turns a livelock.
   */
  static void modelCheckThreads(Runnable body, int invocations) {
    modelChecking = true;
    LincheckSettings settings = new LincheckSettings(true, LOOP_TURNS_BEFORE_SWITCH, LOOP_BOUND, LOOP_BOUND);
    org.jetbrains.lincheck.Lincheck.runConcurrentTestInternal$lincheck(invocations * FACTOR, settings, body);
  }

  private static <O extends Options<O, ?>> O shape(
      O options, Class<?> specification, int scenarios, int invocations, int operations) {
    return options
        .sequentialSpecification(specification)
        .threads(2)
        .actorsPerThread(operations)
        .actorsBefore(2)
        .actorsAfter(2)
        .minimizeFailedScenario(false)
        .iterations(scenarios * FACTOR)
        .invocationsPerIteration(invocations * FACTOR);
  }
}
