package dev.faultline.vm.detect;

import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.trace.EventRings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * The circumstances of whatever is found in one run: what ran, when it is, and the command that shows it again.
 *
 * @param configuration name to text, in order
 * @param tick tells the time of the machine's clock; takes no lock
 * @param lastEvents tells the last events of each strand; may be asked under any lock
 * @param again the one command; empty if there is none
 */
public record FindingContext(
    Map<String, String> configuration,
    LongSupplier tick,
    Supplier<Map<String, List<String>>> lastEvents,
    String again) {
  /** How many events of each strand a finding tells. */
  public static final int EVENTS = 64;

  /** Of findings whose circumstances nobody told. */
  static final FindingContext NONE = new FindingContext(Map.of(), () -> 0, Map::of, "");

  /** Returns those of a kernel's run. */
  public static FindingContext of(Kernel kernel, String again) {
    EventRings rings = kernel.tracer().rings();
    Supplier<Map<String, List<String>>> events = rings == null ? Map::of : () -> rings.lastEvents(EVENTS);
    return new FindingContext(configuration(kernel.config()), kernel.machine().clock()::now, events, again);
  }

  /** Returns these circumstances where the last events of each strand can be told, too. */
  public FindingContext withEvents(Supplier<Map<String, List<String>>> events) {
    return new FindingContext(configuration, tick, events, again);
  }

  /** Returns what a kernel booted with, as text. */
  public static Map<String, String> configuration(KernelConfig config) {
    MachineConfig m = config.machine();
    Map<String, String> c = new LinkedHashMap<>();
    mode(c, config.mode(), config.defects());
    c.put("seed", Long.toString(m.seed()));
    c.put("cpus", Integer.toString(m.cpus()));
    c.put("frames", Integer.toString(m.frames()));
    c.put("page_size", Integer.toString(m.pageSize()));
    c.put("swap_pages", Integer.toString(config.swapPages()));
    c.put("tlb_entries", Integer.toString(m.tlbEntries()));
    c.put("disk", m.disk().name());
    c.put("mmu", m.mmu().toString());
    c.put("witness", Boolean.toString(config.witness()));
    c.put("ownership", Boolean.toString(config.ownership()));
    c.put("stamps", Boolean.toString(m.stamps()));
    c.put("poison", Boolean.toString(config.poison() != 0));
    return c;
  }

  /** Puts down how a kernel excludes threads, and what is wrong with it beyond what every kernel boots with. */
  public static void mode(Map<String, String> c, Mode mode, Set<Defect> defects) {
    c.put("mode", mode.name().toLowerCase(Locale.ROOT));
    c.put("defects", defects.stream().filter(d -> !Defect.defaults().contains(d)).map(Defect::label).sorted()
        .collect(Collectors.joining(",")));
  }
}
