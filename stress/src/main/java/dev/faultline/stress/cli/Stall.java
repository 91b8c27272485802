package dev.faultline.stress.cli;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.program.KernelRun;
import dev.faultline.vm.sync.Channel;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Notices from outside that a kernel makes no progress: for a long time no command, no fault and no disk transfer,
 * though no process sleeps for time to pass. Takes no lock that a hanging kernel could hold.
 */
final class Stall {
  private static final long PATIENCE_NANOS = 30_000_000_000L;
  private static final int SHOWN_MAX = 40;

  private final Kernel kernel;
  private final KernelRun run;
  private long seen = -1;
  private long since;

  Stall(Kernel kernel, KernelRun run) {
    this.kernel = kernel;
    this.run = run;
  }

  /** Looks. To be called now and then, on a strand of the kernel's machine. */
  boolean isStalled(long now) {
    long sum = run.commandsDone() + kernel.domain().events(Event.VM_FAULTS.ordinal())
        + kernel.machine().disk().blocksMoved();
    if (sum != seen || kernel.processes().sleeping() > 0) {
      seen = sum;
      since = now;
    }
    return now - since >= PATIENCE_NANOS;
  }

  String message() {
    return "I-58 no progress for " + PATIENCE_NANOS / 1_000_000_000 + " s with " + kernel.processes().live()
        + " live processes";
  }

  /** Returns what each thread of the kernel sleeps on. */
  Map<String, String> details() {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("memory", kernel.pages().freeList().freeCount() + " free, " + kernel.pages().freeList().cacheCount()
        + " cached");
    d.put("disk", kernel.machine().disk().idle() ? "idle" : "busy");
    int[] more = {0};
    kernel.domain().forEachThread(t -> {
      if (d.size() >= SHOWN_MAX) {
        more[0]++;
        return;
      }
      Channel c = t.sleepChannel();
      d.put(t.toString(), c == null ? "runs" : "sleeps, " + t.sleepTag() + ", on " + c);
    });
    if (more[0] > 0) {
      d.put("more threads", Integer.toString(more[0]));
    }
    return d;
  }
}
