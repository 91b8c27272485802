package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.ScenarioActor;
import dev.faultline.vm.scenario.ScenarioWorld;
import dev.faultline.vm.scenario.Scenarios;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * Any scenario of two actors, its check as the arbiter; two faulters on one page unless told otherwise, by {@code
 * -Dfaultline.scenario=NAME}, {@code -Dfaultline.defect=NAME} and {@code -Dfaultline.mode=MODE} among the options of
 * the forked JVMs.
 */
@JCStressTest
@Outcome(id = "ok", expect = ACCEPTABLE, desc = "The scenario's check and all invariants hold.")
@Outcome(expect = FORBIDDEN, desc = "What was found.")
@State
public class ScenarioRace {
  private static final long REST_NANOS = 10_000_000_000L;

  /** What all samples of this JVM are about. */
  private record Subject(Scenario scenario, Mode mode, Set<Defect> defects) {}

  private static volatile Subject subject = fromProperties(); // changes between runs only
  private static final AtomicLong SAMPLES = new AtomicLong();
  private static volatile @Nullable String firstFound;
  private static volatile long firstSample;
  private static volatile long firstNanos;

  private final Actors.Meeting meeting = new Actors.Meeting();
  private @Nullable ScenarioWorld world; // null where the set-up itself failed
  private List<ScenarioActor> actors = List.of();
  private volatile @Nullable Throwable failure;

  /** Sets a sample's world up. */
  public ScenarioRace() {
    Actors.strand().context = null; // a thread that runs actors, too
    Subject s = subject;
    try {
      ScenarioWorld w = ScenarioWorld.of(s.scenario, s.mode, s.defects, Actors.POOL);
      actors = w.actors();
      world = w;
    } catch (Throwable t) {
      failure = t;
    }
  }

  private static Subject fromProperties() {
    String name = System.getProperty("faultline.scenario", "two-faulters");
    Scenario s = Scenarios.named(name);
    if (s == null) {
      throw new IllegalArgumentException("no scenario " + name);
    }
    String defect = System.getProperty("faultline.defect");
    Mode mode = Mode.valueOf(System.getProperty("faultline.mode", "fixed").toUpperCase(Locale.ROOT));
    return new Subject(s, mode, defect == null ? EnumSet.noneOf(Defect.class) : Defect.named(defect));
  }

  /** Sets what samples from now on are about, and forgets what was found. No sample is under way. */
  public static void isAbout(Scenario s, Mode mode, Set<Defect> defects) {
    subject = new Subject(s, mode, defects);
    SAMPLES.set(0);
    firstFound = null;
  }

  /** Returns how many actors a scenario has. */
  public static int actors(Scenario s) {
    Actors.strand().context = null;
    ScenarioWorld w = ScenarioWorld.of(s, Mode.FIXED, Set.of(), Actors.POOL);
    int n = w.actors().size();
    w.kernel().close();
    return n;
  }

  /** Returns how many samples are through. */
  public static long samples() {
    return SAMPLES.get();
  }

  /** Returns what the first sample that went wrong did, in a line, or null. */
  public static @Nullable String found() {
    return firstFound;
  }

  /** Returns the number of the first sample that went wrong, from 1. */
  public static long foundSample() {
    return firstSample;
  }

  /** Returns when that was, as {@link System#nanoTime}. */
  public static long foundNanos() {
    return firstNanos;
  }

  private void act(int n) {
    if (world == null) {
      return;
    }
    Actors.strand().context = null;
    try {
      ScenarioActor a = actors.get(n);
      a.prepare();
      meeting.arrive();
      a.run();
      a.finish();
    } catch (Throwable t) {
      failure = t;
    }
  }

  @Actor
  public void first() {
    act(0);
  }

  @Actor
  public void second() {
    act(1);
  }

  @Arbiter
  public void settled(L_Result r) {
    long n = SAMPLES.incrementAndGet();
    String wrong = outcome();
    if (wrong != null && firstFound == null) {
      firstNanos = System.nanoTime();
      firstSample = n;
      firstFound = wrong;
    }
    r.r1 = wrong == null ? "ok" : wrong;
  }

  private static void awaitRest(Kernel k) {
    if (!Quiescence.await(k, REST_NANOS)) {
      throw new ScenarioWorld.Broken("hang: the kernel does not come to rest");
    }
  }

  private @Nullable String outcome() {
    Actors.strand().context = null;
    Throwable t = failure;
    ScenarioWorld w = world;
    if (t == null) {
      try {
        Objects.requireNonNull(w).settle(() -> awaitRest(w.kernel()));
        return null;
      } catch (Throwable broken) {
        t = broken;
      }
    }
    return t instanceof ScenarioWorld.Broken ? String.valueOf(t.getMessage()) : t.toString();
  }
}
