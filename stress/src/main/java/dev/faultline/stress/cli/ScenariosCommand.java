package dev.faultline.stress.cli;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.scenario.Scenario;
import dev.faultline.vm.scenario.Scenarios;
import dev.faultline.vm.scenario.WorldShape;
import java.io.PrintWriter;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code faultline scenarios}: what there is to explore. */
@Command(
    name = "scenarios",
    mixinStandardHelpOptions = true,
    description = "Lists the scenarios: small worlds with two or more actors and a check.",
    subcommands = ScenariosCommand.Show.class)
final class ScenariosCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  ScenariosCommand() {}

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    for (Scenario s : Scenarios.all()) {
      out.printf("%-20s %s%n", s.name(), s.story());
    }
    out.flush();
    return Main.OK;
  }

  /** Returns the scenario of a name; refuses a name that there is not, in one line. */
  static Scenario named(CommandSpec spec, String name) {
    Scenario s = Scenarios.named(name);
    if (s == null) {
      String all = Scenarios.all().stream().map(Scenario::name).collect(Collectors.joining(", "));
      throw new ParameterException(spec.commandLine(), "no scenario '" + name + "'; there are " + all);
    }
    return s;
  }

  /** Returns the defects of names; refuses one that there is not, in one line. */
  static Set<Defect> defects(CommandSpec spec, List<String> names) {
    Set<Defect> set = EnumSet.noneOf(Defect.class);
    for (String name : names) {
      try {
        set.addAll(Defect.named(name));
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), "--defect: " + e.getMessage(), e);
      }
    }
    return set;
  }

  /** {@code faultline scenarios show NAME}. */
  @Command(
      name = "show",
      mixinStandardHelpOptions = true,
      description = "Tells a scenario's story, what it exercises, and its world.")
  static final class Show implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "The scenario.")
    private String name = "";

    @Spec private CommandSpec spec;

    Show() {}

    @Override
    public Integer call() {
      Scenario s = named(spec, name);
      WorldShape w = s.shape();
      PrintWriter out = spec.commandLine().getOut();
      out.println(s.name());
      out.println("  story      " + s.story());
      out.println("  exercises  " + String.join(" ", s.exercises()));
      out.printf(
          "  world      %d processors, %d frames, %d pages of swap, %d pages of files%n",
          w.cpus(), w.frames(), w.swapPages(), w.filePages());
      out.println("  explore    ./faultline explore " + s.name());
      out.flush();
      return Main.OK;
    }
  }
}
