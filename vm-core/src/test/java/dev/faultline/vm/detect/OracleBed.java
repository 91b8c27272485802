package dev.faultline.vm.detect;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.SpaceWatcher;
import org.jspecify.annotations.Nullable;

/** A machine under an oracle and no kernel: the test itself puts frames behind addresses. */
final class OracleBed implements AutoCloseable {
  static final int PAGE = 64;
  static final int WORDS = PAGE / 8;
  static final long BASE = 0x10000;

  private static final ThreadStrands STRANDS = new ThreadStrands();

  final Machine machine;
  final Findings findings = new Findings();
  final ContentOracle oracle;
  private int nextTable;

  OracleBed(int cpus, int frames) {
    machine =
        new Machine(MachineConfig.builder().cpus(cpus).frames(frames).pageSize(PAGE).diskBlocks(0).build(), STRANDS);
    oracle = new ContentOracle(machine.memory(), findings);
    oracle.install(machine);
    STRANDS.attach("test");
  }

  /** Returns what the word at a file's byte offset is at the start. */
  static long seeded(long offset) {
    return 0x1122334455667788L ^ (offset * 0x9e3779b97f4a7c15L);
  }

  /** Returns a process on a processor of its own, with an empty address space. */
  Proc proc(int pid, int cpu) {
    return new Proc(pid, cpu, oracle.newSpace(pid));
  }

  /** Fills a frame with a file's page, with zeros past its end. */
  void readIn(int frame, long offset, long length) {
    for (int w = 0; w < WORDS; w++) {
      long o = offset + 8L * w;
      machine.memory().store(frame, w, o >= length ? 0 : seeded(o));
    }
    if (length > offset && length < offset + PAGE) {
      machine.memory().zeroBytes(frame, (int) (length - offset), PAGE);
    }
  }

  /** A process, as far as the oracle is concerned. */
  final class Proc implements SpaceWatcher.Holder {
    final int pid;
    final Cpu cpu;
    final PageTable table = new PageTable(nextTable++, machine.config());
    SpaceWatcher space;

    Proc(int pid, int cpuNumber, SpaceWatcher space) {
      this.pid = pid;
      this.space = space;
      cpu = machine.cpu(cpuNumber);
      cpu.context = this;
      cpu.switchTo(table);
    }

    @Override
    public @Nullable SpaceWatcher spaceWatcher() {
      return space;
    }

    /** Puts a frame behind page {@code n}. */
    Proc enter(int n, int frame, boolean writable) {
      long va = at(n);
      table.makeLeaf(va).getAndSet(table.index(va), Pte.make(frame, Pte.V | Pte.U | Pte.USED | (writable ? Pte.W : 0)));
      machine.shootdown().shoot(table, va, va + PAGE);
      return this;
    }

    /** Takes the frame away from page {@code n}. */
    Proc remove(int n) {
      long va = at(n);
      table.makeLeaf(va).getAndSet(table.index(va), 0);
      machine.shootdown().shoot(table, va, va + PAGE);
      return this;
    }

    long load(int n, int word) {
      long v = cpu.load(at(n) + 8L * word);
      mustHaveHit();
      return v;
    }

    void store(int n, int word, long value) {
      cpu.store(at(n) + 8L * word, value);
      mustHaveHit();
    }

    long add(int n, int word, long delta) {
      long v = cpu.getAndAdd(at(n) + 8L * word, delta);
      mustHaveHit();
      return v;
    }

    private void mustHaveHit() {
      if (cpu.trap() != Cpu.NONE) {
        throw new AssertionError("trap " + cpu.trap());
      }
    }

    /** Runs on the processor instead of whoever did. */
    Proc dispatch() {
      cpu.context = this;
      cpu.switchTo(table);
      return this;
    }

    /** Returns a child on a processor, with the address space that the oracle thinks it has. */
    Proc fork(int childPid, int childCpu) {
      space.forkBegins();
      return new Proc(childPid, childCpu, space.forked(childPid));
    }
  }

  /** Returns a thread, not yet started, that is a strand while it does something. */
  Thread thread(Runnable what) {
    return new Thread(() -> {
      STRANDS.attach("other");
      try {
        what.run();
      } finally {
        STRANDS.detach();
      }
    });
  }

  static long at(int n) {
    return BASE + (long) n * PAGE;
  }

  static long bytes(int pages) {
    return (long) pages * PAGE;
  }

  @Override
  public void close() {
    STRANDS.detach();
    machine.close();
  }
}
