package dev.faultline.vm.trace;

import dev.faultline.hw.Pte;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.base.VmProt;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What strands did, merged: the model that pictures are drawn of. A value.
 *
 * @param lanes the strands that made a step, in order of their numbers
 * @param records the steps in their order
 * @param completeFrom from this place on no strand's events are missing; before it some have been overwritten
 * @param names what things are called, by {@link TraceKind#code}
 */
public record Trace(List<Lane> lanes, List<TraceRecord> records, long completeFrom, Map<Long, String> names) {
  private static final List<String> QUEUES = List.of("no queue", "free", "zero", "cache", "inactive", "active");

  /** One strand. */
  public record Lane(int strand, String name) {}

  /** Copies what it is given. */
  public Trace {
    lanes = List.copyOf(lanes);
    records = List.copyOf(records);
    names = Map.copyOf(names);
  }

  /** Returns what comes after a place, with the strands that made a step then. */
  public Trace after(long place) {
    List<TraceRecord> later = records.stream().filter(r -> r.place() > place).toList();
    Set<Integer> strands = later.stream().map(TraceRecord::strand).collect(Collectors.toSet());
    List<Lane> theirs = lanes.stream().filter(l -> strands.contains(l.strand())).toList();
    return new Trace(theirs, later, completeFrom <= place + 1 ? 1 : completeFrom, names);
  }

  /**
   * Returns the last {@code n} events of each strand, oldest first, a line each, by the strand's name and number. For
   * findings.
   */
  public Map<String, List<String>> lastEvents(int n) {
    Map<Integer, List<TraceRecord>> byStrand = new HashMap<>();
    records.forEach(r -> byStrand.computeIfAbsent(r.strand(), s -> new ArrayList<>()).add(r));
    Map<String, List<String>> all = new LinkedHashMap<>();
    for (Lane lane : lanes) {
      List<TraceRecord> own = byStrand.getOrDefault(lane.strand(), List.of());
      List<TraceRecord> last = own.subList(Math.max(0, own.size() - n), own.size());
      all.put(lane.name() + "#" + lane.strand(), last.stream().map(r -> r.place() + " " + words(r)).toList());
    }
    return all;
  }

  /** Returns the name of a thing. */
  public String name(long code) {
    String own = names.get(code);
    return own != null ? own : TraceKind.plainName(code);
  }

  /** Returns the name of a strand. */
  String strandName(long strand) {
    for (Lane l : lanes) {
      if (l.strand() == strand) {
        return l.name();
      }
    }
    return "strand " + strand;
  }

  /** Returns an event in words, on one line. */
  public String words(TraceRecord r) {
    if (r.event() == TraceEvent.DECISION) {
      return ":" + r.b() + " " + name(r.a()) + (r.c() == 0 ? ": no" : ": yes");
    }
    String text = r.event().text();
    List<TraceEvent.Arg> args = r.event().args();
    for (int i = 0; i < args.size(); i++) {
      String place = "{" + args.get(i).name() + "}";
      if (text.contains(place)) {
        text = text.replace(place, value(args.get(i), r.arg(i)));
      }
    }
    long line = line(r);
    return (line == 0 ? "" : ":" + line + " ") + text.strip();
  }

  /** Returns the line of the seed at which a step is made, or 0. */
  static long line(TraceRecord r) {
    List<TraceEvent.Arg> args = r.event().args();
    int last = args.size() - 1;
    if (r.event() == TraceEvent.DECISION) {
      return r.b();
    }
    return last >= 0 && args.get(last).type() == ArgType.LINE ? r.arg(last) : 0;
  }

  private String value(TraceEvent.Arg arg, long v) {
    return switch (arg.type()) {
      case SUBJECT -> name(v);
      case STRAND -> strandName(v);
      case FLAG -> v == 0 ? "" : arg.name();
      default -> plainValue(arg.type(), v);
    };
  }

  /** Returns a value that needs no names in words. */
  static String plainValue(ArgType type, long v) {
    return switch (type) {
      case ADDRESS, BYTES, WORD -> "0x" + Long.toHexString(v);
      case COUNT, CPU, BLOCK, LINE -> Long.toString(v);
      case PROTECTION -> VmProt.toString((int) v);
      case QUEUE -> element(QUEUES, v);
      case RESULT -> element(List.of(KernReturn.values()), v);
      case PAGER_RESULT -> element(List.of(PagerReturn.values()), v);
      case MODE -> LockMode.word(v);
      case PTE -> Pte.toString(v);
      case FLAG -> v == 0 ? "no" : "yes";
      case SUBJECT, STRAND -> Long.toString(v);
    };
  }

  private static String element(List<?> list, long i) {
    return i >= 0 && i < list.size() ? String.valueOf(list.get((int) i)) : "?" + i;
  }
}
