package dev.faultline.stress.soak;

import dev.faultline.hw.strand.WatchedTime;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.proc.Process;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Sees to it that processes that were killed for want of memory end: their memory is what everybody waits for. */
final class Victims {
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  private final Kernel kernel; // (C)
  private final WatchedTime time = new WatchedTime();
  private final Map<Process, Long> since = new HashMap<>();

  Victims(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Looks once; returns what is wrong, or null. */
  @Nullable String look(long hostTime) {
    long now = time.at(hostTime);
    if (kernel.processes().killedForMemory().isEmpty()) {
      return null;
    }
    Set<Process> live = new HashSet<>();
    kernel.processes().forEachLive(live::add);
    since.keySet().retainAll(live);
    for (Process p : kernel.processes().killedForMemory()) {
      if (live.contains(p) && now - since.computeIfAbsent(p, x -> now) > PATIENCE_NANOS) {
        return "I-58 " + p + " was killed for want of memory and does not end";
      }
    }
    return null;
  }
}
