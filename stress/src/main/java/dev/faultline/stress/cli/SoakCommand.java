package dev.faultline.stress.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.faultline.stress.soak.Soak;
import dev.faultline.stress.soak.SoakRun;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code faultline soak}: random worlds under every detector, for a time. */
@Command(
    name = "soak",
    description = {
      "Runs random programs and recorded ones on random machines with unruly devices, under every detector.",
      "Ends at the first finding, with the command that runs that world again."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class SoakCommand implements Callable<Integer> {
  private static final int SCHEMA = 1;

  @Option(names = "--minutes", paramLabel = "M", description = "For so long (1, if --programs is not given).")
  @Nullable Double minutes;

  @Option(names = "--programs", paramLabel = "N", description = "So many worlds, each with a program of its own.")
  @Nullable Integer programs;

  @Option(names = "--mode", paramLabel = "MODE", description = "fixed, up or naive (fixed and up, in turn).")
  MachineOptions.@Nullable RunMode mode;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Seed of the plan (0).")
  long seed;

  @Option(names = "--world", paramLabel = "I", description = "Only world number I of the plan, --repeat times.")
  @Nullable Integer world;

  @Option(names = "--repeat", paramLabel = "N", defaultValue = "1", description = "With --world: so many times (1).")
  int repeat;

  @Option(names = "--defect", paramLabel = "NAME",
      description = "Boots every kernel with this defect, or HISTORICAL; may be given more than once.")
  List<String> defects = new ArrayList<>();

  @Option(names = "--workers", paramLabel = "N", description = "Worlds side by side (as many as processors here).")
  @Nullable Integer workers;

  @Option(names = "--keep-going", description = "Goes on after a finding.")
  boolean keepGoing;

  @Option(names = "--json", description = "Prints JSON on standard output: a line a finding, then the verdict.")
  boolean json;

  @Spec CommandSpec spec;

  private final ObjectMapper mapper = FindingJson.mapper();
  private volatile @Nullable Soak running;
  private volatile boolean stopping;

  @Override
  public Integer call() throws InterruptedException, JsonProcessingException {
    Soak.Plan plan = plan();
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    print(json ? err : out, describe(plan));
    try (Interrupt interrupt = new Interrupt(this::stop)) {
      Progress progress = new Progress(err, Terminal.isStandardError());
      Soak.Tally sum = null;
      int times = world == null ? 1 : repeat;
      for (int i = 0; i < times && !stopping && (sum == null || sum.badWorlds() == 0 || keepGoing); i++) {
        Soak soak = new Soak(plan, o -> ended(o, progress));
        running = soak;
        sum = add(sum, soak.run());
      }
      progress.clear();
      return verdict(sum, interrupt.came());
    }
  }

  private void stop() {
    stopping = true;
    Soak s = running;
    if (s != null) {
      s.stop();
    }
  }

  private Soak.Plan plan() {
    require(minutes == null || minutes > 0, "--minutes " + minutes + ": must be more than 0");
    require(programs == null || programs > 0, "--programs " + programs + ": must be 1 or more");
    require(workers == null || workers > 0, "--workers " + workers + ": must be 1 or more");
    require(world == null || world >= 0, "--world " + world + ": must be 0 or more");
    require(repeat > 0, "--repeat " + repeat + ": must be 1 or more");
    boolean alone = minutes == null && programs == null;
    require(world == null || alone, "--world goes with neither --minutes nor --programs");
    double m = minutes != null ? minutes : programs != null || world != null ? 1e6 : 1;
    List<Mode> modes = mode == null ? List.of(Mode.FIXED, Mode.UP) : List.of(mode.mode);
    Set<Defect> d = defects();
    int count = world != null ? 1 : programs != null ? programs : Integer.MAX_VALUE / 2;
    int side = world != null ? 1 : workers != null ? workers : Runtime.getRuntime().availableProcessors();
    return new Soak.Plan(seed, world == null ? 0 : world, count, (long) (m * 60e9), modes, d, side, keepGoing);
  }

  private Set<Defect> defects() {
    Set<Defect> set = EnumSet.noneOf(Defect.class);
    for (String name : defects) {
      try {
        set.addAll(Defect.named(name));
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), "--defect: " + e.getMessage(), e);
      }
    }
    return set;
  }

  private void require(boolean holds, String why) {
    if (!holds) {
      throw new ParameterException(spec.commandLine(), why);
    }
  }

  private String describe(Soak.Plan p) {
    String much = world != null ? "world " + world : programs != null ? p.worlds() + " worlds"
        : String.format(Locale.ROOT, "%.1f minutes", p.nanos() / 60e9);
    return "soak: " + much + ", seed " + seed + ", modes "
        + p.modes().toString().toLowerCase(Locale.ROOT).replaceAll("[\\[\\]]", "") + ", " + p.workers() + " at a time"
        + (p.defects().isEmpty() ? "" : ", with " + p.defects().stream().map(Defect::label).toList());
  }

  private void ended(SoakRun.Outcome o, Progress progress) {
    Soak s = running;
    if (s != null) {
      progress.show(line(s.tally()));
    }
    if (o.findings().isEmpty()) {
      return;
    }
    progress.clear();
    if (json) {
      print(spec.commandLine().getOut(), toJson(findingJson(o)));
      return;
    }
    PrintWriter out = spec.commandLine().getOut();
    print(out, "finding in " + o.world());
    for (Finding f : o.findings().list()) {
      print(out, "  " + f.kind().name().toLowerCase(Locale.ROOT) + ": " + f.message());
      f.details().forEach((k, v) -> print(out, "    " + k + ": " + shown(k, v)));
    }
    print(out, "  again: " + o.world().command());
  }

  /** Pictures are for the JSON. */
  private static String shown(String name, String text) {
    return name.equals("picture") ? "in the JSON (--json), an SVG of " + text.length() + " bytes" : text;
  }

  private static Map<String, Object> findingJson(SoakRun.Outcome o) {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("schema", SCHEMA);
    m.put("type", "finding");
    m.put("world", o.world().toString());
    m.put("findings", o.findings().list());
    m.put("again", o.world().command());
    return m;
  }

  private int verdict(Soak.@Nullable Tally t, boolean interrupted) {
    boolean nothing = t == null || !t.checkedSomething();
    boolean bad = t != null && t.badWorlds() > 0;
    String verdict = bad ? "finding" : nothing ? "nothing checked" : interrupted ? "interrupted" : "no finding";
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("schema", SCHEMA);
      m.put("type", "verdict");
      m.put("verdict", verdict);
      m.put("tally", t);
      print(out, toJson(m));
    } else {
      print(out, verdict + (t == null ? "" : ": " + line(t)));
    }
    return bad || nothing ? Main.FINDING : Main.OK;
  }

  private String toJson(Object o) {
    try {
      return mapper.writeValueAsString(o);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Soak.Tally add(Soak.@Nullable Tally a, Soak.Tally b) {
    return a == null ? b
        : new Soak.Tally(a.worlds() + b.worlds(), a.judged() + b.judged(), a.compared() + b.compared(),
            a.trials() + b.trials(), a.faults() + b.faults(), a.killed() + b.killed(),
            a.swappedOut() + b.swappedOut(), a.badWorlds() + b.badWorlds(), a.traces() + b.traces(),
            a.nanos() + b.nanos());
  }

  private static String line(Soak.Tally t) {
    return String.format(Locale.ROOT,
        "%,d worlds (%,d of them traces), %,d accesses judged, %,d lines compared, %,d runs of scenarios, "
            + "%,d faults, %,d processes killed for want of memory, %,d swapped out, %,d worlds with findings, %.0f s",
        t.worlds(), t.traces(), t.judged(), t.compared(), t.trials(), t.faults(), t.killed(), t.swappedOut(),
        t.badWorlds(), t.nanos() / 1e9);
  }

  private static void print(PrintWriter to, String line) {
    to.println(line);
    to.flush();
  }
}
