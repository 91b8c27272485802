package dev.faultline.vm.program.reference;

import dev.faultline.vm.proc.ResourceLimits.Limit;
import dev.faultline.vm.program.Access;
import dev.faultline.vm.program.Command;
import dev.faultline.vm.program.CommandCursor;
import dev.faultline.vm.program.FileDeclaration;
import dev.faultline.vm.program.Op;
import dev.faultline.vm.program.Reply;
import dev.faultline.vm.program.VmProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Carries out a program by itself, one command of one process at a time, and says what it prints.
 *
 * <p>A program whose processes race has several right answers; this finds the one of the order that the seed chooses.
 * Residence is nobody's business but the kernel's: where {@code mincore} finds something mapped it prints {@code ?}.
 */
public final class Reference {
  /*
   * Implementation overview
   *
   * Order     Process 0 runs first; at each step one of those that are not blocked is chosen, in turn for seed 0, at
   *           random for any other
   *           seed, and then goes on for a while. Nothing else depends on the seed.
   * Blocked   by its vfork until the child's exec or exit; by wait; at a barrier. When all that are left are blocked,
   *           the program can
   *           never end, at least not in this order, and the result says who waits where.
   * Silent    Where vm-program.md says nothing: msync of a range with a hole is EINVAL, mlock of one that is not all
   *           there and writable
   *           and munlock of one that is not all wired are ENOMEM (vm-semantics 3.4, 3.8); what a fill stored before it
   *           is refused stays.
   */
  private static final int BURST_MAX = 8;

  private final VmProgram program;
  private final SplittableRandom random;
  private final boolean inTurn;
  private final List<Memory.OfFile> files = new ArrayList<>();
  private final List<Memory> devices = new ArrayList<>();
  private final Process[] processes;
  private final List<List<Process>> atBarrier = new ArrayList<>();
  private final List<String> lines = new ArrayList<>();

  private static final class Process {
    final int index;
    final CommandCursor command;
    final List<String> lines = new ArrayList<>();
    AddressSpace space;
    final Segments.Limits limits;
    /** The parent that is suspended until this process's exec or exit. */
    @Nullable Process suspended;
    boolean blocked;
    boolean done;

    Process(int index, CommandCursor command, AddressSpace space, @Nullable Process parent) {
      this.index = index;
      this.command = command;
      this.space = space;
      limits = new Segments.Limits(parent == null ? null : parent.limits);
    }
  }

  private Reference(VmProgram program, long seed) {
    this.program = program;
    random = new SplittableRandom(seed);
    inTurn = seed == 0;
    for (FileDeclaration file : program.files()) {
      files.add(new Memory.OfFile(file.length(), file.seed()));
    }
    program.devices().forEach(d -> devices.add(new Memory.OfDevice(d.length())));
    processes = new Process[program.processes().size()];
    program.barriers().forEach(b -> atBarrier.add(new ArrayList<>()));
  }

  /** Runs {@code program}, its processes in turn. */
  public static ReferenceRun run(VmProgram program) {
    return run(program, 0);
  }

  /** Runs {@code program} in the order that {@code seed} chooses. */
  public static ReferenceRun run(VmProgram program, long seed) {
    return new Reference(program, seed).run();
  }

  private ReferenceRun run() {
    List<Process> running = new ArrayList<>();
    running.add(start(0, new AddressSpace(), null));
    int turn = 0;
    while (!running.isEmpty()) {
      turn = inTurn ? (turn + 1) % running.size() : random.nextInt(running.size());
      Process p = running.get(turn);
      for (int burst = inTurn ? 1 : 1 + random.nextInt(BURST_MAX); burst > 0 && !p.blocked && !p.done; burst--) {
        step(p);
      }
      running.clear();
      for (Process q : processes) {
        if (q != null && !q.blocked && !q.done) {
          running.add(q);
        }
      }
    }
    List<List<String>> perProcess = new ArrayList<>();
    List<String> stuck = new ArrayList<>();
    for (Process p : processes) {
      perProcess.add(p == null ? List.of() : p.lines);
      if (p != null && !p.done) {
        stuck.add(pid(p) + " " + p.command.line() + " " + p.command.op().word());
      }
    }
    return new ReferenceRun(program, lines, perProcess, stuck);
  }

  private Process start(int index, AddressSpace space, @Nullable Process parent) {
    Process p = new Process(index, program.cursor(index), space, parent);
    processes[index] = p;
    return p;
  }

  private void step(Process p) {
    if (!p.command.next() || p.command.op() == Op.EXIT) {
      p.done = true;
      resumeParent(p);
      for (Process waiter : processes) {
        if (waiter != null && waiter.blocked && waiter.command.op() == Op.WAIT && waiter.command.id() == p.index) {
          waiter.blocked = false;
        }
      }
      return;
    }
    Reply reply = carryOut(p, p.command);
    if (reply != Reply.OK) {
      print(p, reply.name());
    }
  }

  private Reply carryOut(Process p, Command c) {
    long start = c.address();
    long end = (c.address() + c.length() + Memory.PAGE - 1) & -Memory.PAGE;
    switch (c.op()) {
      case MMAP_ANON -> {
        Memory zeroes = new Memory.Zeroes();
        p.space.map(start, end, c.prot(), c.shared(), c.shared() ? zeroes : new Memory.Private(zeroes), 0);
      }
      case MMAP_FILE -> {
        Memory file = files.get(c.id());
        p.space.map(start, end, c.prot(), c.shared(), c.shared() ? file : new Memory.Private(file), c.value());
      }
      case MMAP_DEVICE -> {
        if (c.value() > program.devices().get(c.id()).length() - (end - start)) {
          return Reply.EINVAL;
        }
        p.space.map(start, end, c.prot(), true, devices.get(c.id()), c.value());
      }
      case MUNMAP -> p.space.unmap(start, end);
      case MPROTECT -> p.space.protect(start, end, c.prot());
      case MINHERIT -> p.space.inherit(start, end, c.inheritance());
      case MADVISE, SLEEP -> { }
      case MLOCK -> {
        long locked = end - start + p.space.wiredBytes();
        return locked > p.limits.of(Limit.MEMLOCK) ? Reply.ENOMEM : p.space.wire(start, end);
      }
      case MUNLOCK -> {
        return p.space.unwire(start, end);
      }
      case MSYNC -> {
        return p.space.isMapped(start, end) ? Reply.OK : Reply.EINVAL;
      }
      case MINCORE -> {
        StringBuilder digits = new StringBuilder();
        for (long at = start; at < end; at += Memory.PAGE) {
          digits.append(p.space.find(at) == null ? '0' : '?');
        }
        print(p, digits.toString());
      }
      case STORE, LOAD, ADD, FILL, SUM, TOUCH -> {
        return access(p, c);
      }
      case TRUNCATE -> files.get(c.id()).truncate(c.value());
      case READ -> {
        return read(p, c);
      }
      case WRITE -> {
        return write(p, c);
      }
      case FORK -> start(c.id(), p.space.fork(), p);
      case VFORK -> {
        start(c.id(), p.space, p).suspended = p;
        p.blocked = true;
      }
      case EXEC -> {
        p.space = new AddressSpace();
        resumeParent(p);
      }
      case IMAGE -> {
        p.space = new AddressSpace();
        p.space.segments = new Segments(p.space, c.address(), c.value());
        p.space.segments.grow(c.value() - 1, p.limits.of(Limit.STACK));
        resumeParent(p);
      }
      case BRK -> {
        return p.space.segments.setBreak(c.address(), p.limits.of(Limit.DATA));
      }
      case LIMIT -> p.limits.set(c.resource(), c.value());
      case WAIT -> {
        Process child = processes[c.id()];
        if (child == null) {
          return Reply.ECHILD;
        }
        p.blocked = !child.done;
      }
      case BARRIER -> arrive(p, c.id());
      case EXIT -> throw new IllegalStateException("exit");
    }
    return Reply.OK;
  }

  private Reply access(Process p, Command c) {
    long address = c.address() & -Long.BYTES;
    boolean write = switch (c.op()) {
      case LOAD, SUM -> false;
      case TOUCH -> c.access() == Access.WRITE;
      default -> true;
    };
    long words = c.op() == Op.FILL || c.op() == Op.SUM ? c.length() / Long.BYTES : 1;
    long sum = 0;
    for (long i = 0; i < words; i++) {
      long at = address + i * Long.BYTES;
      Reply reply = check(p, at, write);
      if (reply != Reply.OK) {
        return reply;
      }
      long old = p.space.load(at);
      sum += old;
      switch (c.op()) {
        case STORE -> p.space.store(at, c.value());
        case ADD -> p.space.store(at, old + c.value());
        case FILL -> p.space.store(at, c.value() + i);
        case TOUCH -> {
          if (write) {
            p.space.store(at, old);
          }
        }
        default -> { }
      }
    }
    if (c.op() == Op.LOAD || c.op() == Op.SUM || c.op() == Op.ADD) {
      print(p, "0x" + Long.toHexString(sum));
    }
    return Reply.OK;
  }

  /** Returns what an access meets, after the stack has grown for it. */
  private static Reply check(Process p, long address, boolean write) {
    boolean ok = p.space.segments.grow(address, p.limits.of(Limit.STACK));
    return ok ? p.space.check(address, write) : Reply.SIGSEGV;
  }

  /** Reads the bytes, then stores them one by one; what is refused midway counts as far as it got. */
  private Reply read(Process p, Command c) {
    Memory.OfFile file = files.get(c.id());
    byte[] bytes = file.read(c.value(), c.length());
    int done = 0;
    while (done < bytes.length && check(p, c.address() + done & -Long.BYTES, true) == Reply.OK) {
      p.space.storeByte(c.address() + done, bytes[done]);
      done++;
    }
    return moved(p, done, bytes.length);
  }

  /** Loads the bytes, then writes those that could be loaded. */
  private Reply write(Process p, Command c) {
    byte[] bytes = new byte[(int) c.length()];
    int done = 0;
    while (done < bytes.length && check(p, c.address() + done & -Long.BYTES, false) == Reply.OK) {
      bytes[done] = p.space.loadByte(c.address() + done);
      done++;
    }
    files.get(c.id()).write(c.value(), bytes, done);
    return moved(p, done, bytes.length);
  }

  private Reply moved(Process p, int done, int wanted) {
    if (done == 0 && wanted > 0) {
      return Reply.EFAULT;
    }
    print(p, "0x" + Integer.toHexString(done));
    return Reply.OK;
  }

  private void arrive(Process p, int barrier) {
    List<Process> here = atBarrier.get(barrier);
    if (here.size() + 1 < program.barriers().get(barrier).parties()) {
      here.add(p);
      p.blocked = true;
      return;
    }
    here.forEach(other -> other.blocked = false);
    here.clear();
  }

  private static void resumeParent(Process child) {
    if (child.suspended != null) {
      child.suspended.blocked = false;
      child.suspended = null;
    }
  }

  private void print(Process p, String result) {
    String line = pid(p) + " " + p.command.line() + " " + p.command.op().word() + " = " + result;
    p.lines.add(line);
    lines.add(line);
  }

  private String pid(Process p) {
    return Long.toUnsignedString(program.processes().get(p.index).pid());
  }
}
