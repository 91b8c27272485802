package dev.faultline.stress.matrix;

import dev.faultline.stress.jcstress.ScenarioRace;
import dev.faultline.stress.matrix.Cell.State;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.infra.Status;
import org.openjdk.jcstress.infra.collectors.TestResult;
import org.openjdk.jcstress.infra.runners.ForkedTestConfig;
import org.openjdk.jcstress.infra.runners.Runner;
import org.openjdk.jcstress.infra.runners.SpinLoopStyle;

/** jcstress: the runner that it makes of {@link ScenarioRace}, as in a JVM that jcstress forks. Two actors only. */
final class JcstressCells implements CellRunner {
  /*
   * Implementation overview
   *
   * A JVM forked by jcstress gets what to do as a ForkedTestConfig over a socket, makes the generated runner with it,
   * and runs that. Here the same is done without the socket, again and again: in iterations that become longer, so
   * that a cell ends soon after the first finding. jcstress itself would start a dozen JVMs for each cell.
   *
   * Samples are counted and timed by the test, as jcstress counts outcomes only, at the end. A sample that is not
   * through after some seconds is a finding; its threads are lost, and with them the process.
   */
  private static final String RUNNER = ScenarioRace.class.getName() + "_jcstress";
  private static final int STRIDE = 4; // whole worlds
  private static final int FOOTPRINT_MB = 100;
  private static final int MILLIS_FIRST = 10;
  private static final int MILLIS_MOST = 1000;
  private static final int HANG_SECONDS = 10;

  @Override
  public Cell run(Cell so, long nanos) throws InterruptedException {
    Scenario s = Scenarios.named(so.scenario());
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + so.scenario());
    }
    if (ScenarioRace.actors(s) != 2) {
      return so.plus(State.UNFIT, 0, 0, null);
    }
    ScenarioRace.isAbout(s, so.variant().mode(), so.variant().defects());
    long began = System.nanoTime();
    long millis = MILLIS_FIRST;
    @Nullable TestResult r;
    do {
      CompletableFuture<TestResult> running = start((int) millis);
      r = await(running);
      if (r == null) {
        return so.plus(State.FOUND, ScenarioRace.samples() + 1, System.nanoTime() - began,
            "hang: a sample is not through after " + HANG_SECONDS + " s");
      }
      long left = (nanos - (System.nanoTime() - began)) / 1_000_000;
      millis = Math.min(Math.min(2 * millis, MILLIS_MOST), left);
    } while (ScenarioRace.found() == null && r.status() == Status.NORMAL && millis > 0);
    String found = ScenarioRace.found();
    if (found != null) {
      return so.plus(State.FOUND, ScenarioRace.foundSample(), ScenarioRace.foundNanos() - began, found);
    }
    if (r.status() != Status.NORMAL) {
      return so.plus(State.FOUND, ScenarioRace.samples(), System.nanoTime() - began,
          r.status() + " " + String.join(" ", r.getMessages()));
    }
    return so.plus(State.NOTHING, ScenarioRace.samples(), System.nanoTime() - began, null);
  }

  /** Waits for a run, as long as samples come through; null if they do not. */
  private static @Nullable TestResult await(CompletableFuture<TestResult> running)
      throws InterruptedException {
    long before = ScenarioRace.samples();
    while (true) {
      try {
        return running.get(HANG_SECONDS, TimeUnit.SECONDS);
      } catch (TimeoutException e) {
        if (ScenarioRace.samples() == before) {
          return null;
        }
        before = ScenarioRace.samples();
      } catch (ExecutionException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static CompletableFuture<TestResult> start(int millis) {
    CompletableFuture<TestResult> result = new CompletableFuture<>();
    Thread t = new Thread(() -> {
      try {
        result.complete(runner(millis).run());
      } catch (Throwable e) {
        result.completeExceptionally(e);
      }
    }, "jcstress");
    t.setDaemon(true);
    t.start();
    return result;
  }

  private static Runner<?> runner(int millis) throws IOException, ReflectiveOperationException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(SpinLoopStyle.THREAD_YIELD.ordinal()); // the processors are shared with others
    out.writeInt(millis);
    out.writeInt(1); // iteration
    out.writeUTF(RUNNER);
    out.writeInt(FOOTPRINT_MB);
    out.writeInt(STRIDE);
    out.writeInt(1); // stride at a time
    out.writeBoolean(false); // not bound to processors
    ForkedTestConfig config =
        new ForkedTestConfig(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
    return (Runner<?>) Class.forName(RUNNER).getConstructor(ForkedTestConfig.class).newInstance(config);
  }
}
