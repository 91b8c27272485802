package dev.faultline.vm.proc;

import java.util.ArrayList;
import java.util.List;

/** Where processes wait until so many have come; it can be used again then. Made and run by {@link Kinship}. */
public final class Barrier {
  final String name; // (C)
  final int parties; // (C)
  final List<Process> waiting = new ArrayList<>(); // guarded by the process table's lock

  Barrier(String name, int parties) {
    this.name = name;
    this.parties = parties;
  }

  @Override
  public String toString() {
    return "barrier " + name + " (" + waiting.size() + " of " + parties + " there)";
  }
}
