package dev.faultline.vm.program;

import java.util.concurrent.atomic.LongAdder;

/**
 * Carries out a program: each process's commands in order, on the thread that the kernel gives the process. Starts no
 * thread and never blocks by itself; what blocks are the {@link ProcessCalls}. One for each run of a program.
 */
public final class ProgramRunner {
  private static final int COUNT_EVERY = 256;

  private final VmProgram program;
  private final LineSink sink;
  private final LongAdder commandsDone = new LongAdder();
  private volatile boolean stopping;

  /**
   * Makes a run of {@code program}.
   *
   * @param sink where every process's lines go
   */
  public ProgramRunner(VmProgram program, LineSink sink) {
    this.program = program;
    this.sink = sink;
  }

  /** Returns the program. */
  public VmProgram program() {
    return program;
  }

  /**
   * Returns about how many commands are done: exact but for a process's last few accesses, so that it grows while a run
   * makes progress at all.
   */
  public long commandsDone() {
    return commandsDone.sum();
  }

  /** Makes every process end after the command that it is at. Whoever sleeps in the kernel is the kernel's to wake. */
  public void stop() {
    stopping = true;
  }

  /**
   * Carries out the section of a process, on the process's own thread, and ends the process. What the calls throw ends
   * the section too, without {@link ProcessCalls#exit}.
   *
   * @param process its index in {@link VmProgram#processes()}; the kernel starts 0 first, and every other one where it
   *     is forked
   */
  public void run(int process, ProcessCalls calls) {
    CommandCursor command = program.cursor(process);
    ProcessOutput out = new ProcessOutput(program.processes().get(process).pid(), sink);
    int done = 0;
    try {
      while (!stopping && command.next()) {
        if (++done == COUNT_EVERY || !command.op().isAccess()) {
          commandsDone.add(done);
          done = 0;
        }
        if (command.op() == Op.EXIT) {
          break;
        }
        Reply reply = carryOut(command, calls, out);
        if (reply == Reply.SIGKILL) {
          break; // who is killed says nothing more: it is for the run to say why
        }
        if (reply != Reply.OK) {
          out.refused(command, reply);
        }
      }
    } finally {
      commandsDone.add(done);
      out.flush();
    }
    calls.exit();
  }

  private Reply carryOut(Command c, ProcessCalls calls, ProcessOutput out) {
    return switch (c.op()) {
      case TOUCH -> calls.touch(c.access(), c.address());
      case STORE -> calls.store(c.address(), c.value());
      case LOAD -> printed(calls.load(c.address()), c, calls, out);
      case ADD -> printed(calls.add(c.address(), c.value()), c, calls, out);
      case FILL -> calls.fill(c.address(), c.length(), c.value());
      case SUM -> printed(calls.sum(c.address(), c.length()), c, calls, out);
      case MMAP_ANON -> calls.mmapAnon(c.address(), c.length(), c.prot(), c.shared());
      case MMAP_FILE -> calls.mmapFile(c.address(), c.length(), c.prot(), c.shared(), c.id(), c.value());
      case MMAP_DEVICE -> calls.mmapDevice(c.address(), c.length(), c.prot(), c.id(), c.value());
      case MUNMAP -> calls.munmap(c.address(), c.length());
      case MPROTECT -> calls.mprotect(c.address(), c.length(), c.prot());
      case MINHERIT -> calls.minherit(c.address(), c.length(), c.inheritance());
      case MADVISE -> calls.madvise(c.address(), c.length(), c.advice());
      case MLOCK -> calls.mlock(c.address(), c.length());
      case MUNLOCK -> calls.munlock(c.address(), c.length());
      case MSYNC -> calls.msync(c.address(), c.length(), c.syncMode());
      case MINCORE -> mincore(c, calls, out);
      case TRUNCATE -> calls.truncate(c.id(), c.value());
      case READ -> printed(calls.read(c.id(), c.value(), c.address(), c.length()), c, calls, out);
      case WRITE -> printed(calls.write(c.id(), c.value(), c.address(), c.length()), c, calls, out);
      case EXEC -> {
        out.flush();
        yield calls.exec();
      }
      case IMAGE -> {
        out.flush();
        yield calls.image(c.address(), c.value());
      }
      case BRK -> calls.brk(c.address());
      case LIMIT -> calls.limit(c.resource(), c.value());
      case FORK -> {
        out.flush();
        yield calls.fork(c.id());
      }
      case VFORK -> {
        out.flush();
        yield calls.vfork(c.id());
      }
      case WAIT -> {
        out.flush();
        yield calls.waitFor(c.id());
      }
      case BARRIER -> {
        out.flush();
        yield calls.barrier(c.id());
      }
      case SLEEP -> {
        out.flush();
        yield calls.sleep(c.value());
      }
      case EXIT -> Reply.OK;
    };
  }

  private static Reply printed(Reply reply, Command command, ProcessCalls calls, ProcessOutput out) {
    if (reply == Reply.OK) {
      out.value(command, calls.value());
    }
    return reply;
  }

  private static Reply mincore(Command command, ProcessCalls calls, ProcessOutput out) {
    int pages = (int) ((command.length() + VmProgram.PAGE_SIZE - 1) / VmProgram.PAGE_SIZE);
    byte[] resident = new byte[pages];
    Reply reply = calls.mincore(command.address(), pages, resident);
    if (reply == Reply.OK) {
      out.digits(command, resident, pages);
    }
    return reply;
  }
}
