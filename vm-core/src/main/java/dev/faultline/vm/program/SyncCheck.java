package dev.faultline.vm.program;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds programs whose processes can never all end: runs their forks, waits and barriers alone, which nothing else in
 * them can change.
 */
final class SyncCheck {
  /*
   * Implementation overview
   *
   * The order       A barrier that no more processes use than it has parties lets the same ones through in every order,
   *                 and so do fork,
   *                 wait and vfork; if all barriers are of that kind, one order stands for all, and a process that is
   *                 stuck in it is stuck
   *                 in every one. A barrier that more processes use can be lucky or not. Of such a program only what no
   *                 order can mend is
   *                 refused: arrivals that are no multiple of the parties, or a process that comes more often than the
   *                 barrier opens.
   * Bound           Programs with very many such commands are not looked at; then, and where luck decides, it is the
   *                 run that finds out.
   */
  private static final int EVENTS_MAX = 1 << 20;

  private final List<Section> sections = new ArrayList<>();
  private byte[] ops = new byte[64];
  private int[] ids = new int[64];
  private long[] lines = new long[64];
  private int events;
  private boolean tooMany;

  /** What is wrong, where. */
  record Stuck(long line, String word, String expected) {}

  private static final class Section {
    final int process;
    final int first;
    int end;
    boolean started;
    boolean done;
    int at;
    /** The parent that is suspended until this process's exec or exit. */
    @Nullable Section suspended;

    Section(int process, int first) {
      this.process = process;
      this.first = first;
      at = first;
    }
  }

  /** Begins the section of {@code process}. */
  void begin(int process) {
    sections.add(new Section(process, events));
  }

  /** Adds a FORK, VFORK, WAIT or BARRIER with the index it names, or an EXEC, to the section. */
  void add(Op op, int id, long line) {
    if (events == EVENTS_MAX) {
      tooMany = true;
      return;
    }
    if (events == ops.length) {
      ops = Arrays.copyOf(ops, 2 * events);
      ids = Arrays.copyOf(ids, 2 * events);
      lines = Arrays.copyOf(lines, 2 * events);
    }
    ops[events] = (byte) op.ordinal();
    ids[events] = id;
    lines[events] = line;
    events++;
    sections.get(sections.size() - 1).end = events;
  }

  /**
   * Looks for processes that never end. Every process has a section and is forked by one that runs.
   *
   * @param pids the pid of each process, by its index
   * @return null if none is certain
   */
  @Nullable Stuck check(List<Long> pids, List<BarrierDeclaration> barriers) {
    if (tooMany) {
      return null;
    }
    Map<Long, Integer> arrivals = new HashMap<>();
    long[] lastLine = new long[barriers.size()];
    for (Section s : sections) {
      for (int i = s.first; i < s.end; i++) {
        if (ops[i] == Op.BARRIER.ordinal()) {
          arrivals.merge((long) ids[i] << Integer.SIZE | s.process, 1, Integer::sum);
          lastLine[ids[i]] = lines[i];
        }
      }
    }
    int[] users = new int[barriers.size()];
    int[] all = new int[barriers.size()];
    int[] most = new int[barriers.size()];
    arrivals.forEach((key, count) -> {
      int b = (int) (key >> Integer.SIZE);
      users[b]++;
      all[b] += count;
      most[b] = Math.max(most[b], count);
    });
    boolean luck = false;
    for (int b = 0; b < users.length; b++) {
      String name = barriers.get(b).name();
      int parties = barriers.get(b).parties();
      if (all[b] % parties != 0) {
        return new Stuck(lastLine[b], name, "a multiple of " + parties + " arrivals at this barrier, not " + all[b]
            + "; the last to come would wait for ever");
      }
      if (most[b] > all[b] / parties) {
        return new Stuck(lastLine[b], name, parties + " different processes at this barrier each time; one comes "
            + most[b]
            + " times, but it can open only " + all[b] / parties + " times");
      }
      luck |= users[b] > parties;
    }
    return luck ? null : new Order(pids, barriers).run();
  }

  /** One order in which the processes can go. */
  private final class Order {
    private final List<Long> pids;
    private final List<BarrierDeclaration> barriers;
    private final Section[] byProcess;
    private final List<List<Section>> waiters = new ArrayList<>();
    private final List<List<Section>> atBarrier = new ArrayList<>();
    private final Deque<Section> ready = new ArrayDeque<>();

    Order(List<Long> pids, List<BarrierDeclaration> barriers) {
      this.pids = pids;
      this.barriers = barriers;
      byProcess = new Section[pids.size()];
      for (Section s : sections) {
        byProcess[s.process] = s;
        s.end = Math.max(s.end, s.first);
      }
      for (int i = 0; i < pids.size(); i++) {
        waiters.add(new ArrayList<>(1));
      }
      for (int b = 0; b < barriers.size(); b++) {
        atBarrier.add(new ArrayList<>());
      }
    }

    @Nullable Stuck run() {
      start(byProcess[0]);
      while (!ready.isEmpty()) {
        go(ready.remove());
      }
      Section stuck = null;
      for (Section s : sections) {
        if (s.started && !s.done && (stuck == null || rank(s) < rank(stuck))) {
          stuck = s;
        }
      }
      return stuck == null ? null : report(stuck);
    }

    private void start(Section s) {
      s.started = true;
      ready.add(s);
    }

    private void go(Section s) {
      while (s.at < s.end) {
        int i = s.at;
        if (ops[i] == Op.FORK.ordinal()) {
          start(byProcess[ids[i]]);
        } else if (ops[i] == Op.VFORK.ordinal()) {
          Section child = byProcess[ids[i]];
          child.suspended = s;
          start(child);
          return;
        } else if (ops[i] == Op.EXEC.ordinal()) {
          resumeParent(s);
        } else if (ops[i] == Op.WAIT.ordinal() && !byProcess[ids[i]].done) {
          waiters.get(ids[i]).add(s);
          return;
        } else if (ops[i] == Op.BARRIER.ordinal()) {
          List<Section> here = atBarrier.get(ids[i]);
          if (here.size() + 1 < barriers.get(ids[i]).parties()) {
            here.add(s);
            return;
          }
          here.forEach(this::resume);
          here.clear();
        }
        s.at++;
      }
      s.done = true;
      resumeParent(s);
      waiters.get(s.process).forEach(this::resume);
    }

    private void resume(Section s) {
      s.at++;
      ready.add(s);
    }

    private void resumeParent(Section child) {
      Section parent = child.suspended;
      if (parent != null) {
        child.suspended = null;
        resume(parent);
      }
    }

    /** A barrier is the likeliest to be the cause, a parent suspended by its vfork the least. */
    private int rank(Section s) {
      return ops[s.at] == Op.BARRIER.ordinal() ? 0 : ops[s.at] == Op.WAIT.ordinal() ? 1 : 2;
    }

    private Stuck report(Section s) {
      long line = lines[s.at];
      if (rank(s) == 0) {
        BarrierDeclaration barrier = barriers.get(ids[s.at]);
        return new Stuck(line, barrier.name(), barrier.parties() + " processes at this barrier, but only "
            + atBarrier.get(ids[s.at]).size() + " can come, and would wait for ever");
      }
      String word = Long.toUnsignedString(pids.get(ids[s.at]));
      return new Stuck(line, word, "a process that ends; this one waits for ever");
    }
  }
}
