package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.detect.WaitForGraph.Wait;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.WaitClass;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Notices threads that get nowhere while others do: one that tries its fault again and again, or is woken again and
 * again for nothing (I-60); one that sleeps for memory where there is plenty (I-59); one that sleeps for what is there.
 *
 * <p>For the strand that looks for hangs.
 */
final class Starvation {
  /*
   * Implementation overview
   *
   * Trying       A process's attempts (faults started over, sleeps; not those for want of memory) since it last got on
   *              with something. Every fault, page and transfer that it does is getting on.
   * Asleep       One sleep, seen at every look of a second, for memory that was plentiful at each of them, or for a
   *              page, pip, vnode or transfer that nobody had at any. A waker may have been preempted between the
   *              change and its wakeup, hence the second.
   */
  private static final long ATTEMPTS_MAX = 20_000;
  private static final long ASLEEP_NANOS = 1_000_000_000L;

  /** What was seen of one thread. */
  private static final class Seen {
    long progress = -1;
    long attempts;
    long turn = -1;
    long since;
  }

  private final Kernel kernel; // (C)
  private final Map<KThread, Seen> threads = new IdentityHashMap<>();

  Starvation(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Returns what starves, a line that begins with the invariant's number, or null. */
  @Nullable String look(long now, WaitForGraph g) {
    List<KThread> live = new ArrayList<>();
    kernel.domain().forEachThread(live::add);
    threads.keySet().retainAll(live);
    String found = null;
    for (KThread t : live) {
      if (t instanceof ProcThread) { // daemons sleep and are woken all their life
        Seen s = threads.computeIfAbsent(t, x -> new Seen());
        found = found != null ? found : tries(t, s);
      }
    }
    for (Wait w : g.waits()) {
      Seen s = threads.get(w.waiter());
      if (s != null && found == null) {
        found = sleeps(now, w, s);
      }
    }
    return found;
  }

  private static @Nullable String tries(KThread t, Seen s) {
    long progress = t.progress();
    long attempts = t.attempts();
    if (progress != s.progress || attempts < s.attempts) {
      s.progress = progress;
      s.attempts = attempts;
      return null;
    }
    long n = attempts - s.attempts;
    return n <= ATTEMPTS_MAX || t.sleepEnd() != 0 ? null
        : "I-60 " + t + " has tried " + n + " times and got nowhere while others went on";
  }

  private @Nullable String sleeps(long now, Wait w, Seen s) {
    boolean memory = w.kind() == WaitClass.MEMORY;
    boolean there = memory ? isPlenty() : w.satisfied();
    if (!there || w.turn() != s.turn) {
      s.turn = w.turn();
      s.since = now;
      return null;
    }
    if (now - s.since < ASLEEP_NANOS) {
      return null;
    }
    return memory ? "I-59 " + w.waiter() + " sleeps for memory beside plenty of it"
        : "I-58 " + w.waiter() + " sleeps, " + w.tag() + ", for what nobody has any more: " + w.subject();
  }

  private boolean isPlenty() {
    FreeList f = kernel.pages().freeList();
    return f.isFine();
  }
}
