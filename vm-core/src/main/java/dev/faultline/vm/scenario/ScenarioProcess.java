package dev.faultline.vm.scenario;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.scenario.ScenarioWorld.ProcessCode;
import org.jspecify.annotations.Nullable;

/**
 * An actor that is a process, or the child of one: user code with accesses and system calls, by pages of an address
 * space of the scenario. For the process's own strand.
 */
public final class ScenarioProcess {
  private final Kernel kernel; // (C)
  private final AddressSpace space; // (C)
  private final long pid; // (C)
  private @Nullable ProcThread thread; // from begin to end

  ScenarioProcess(Kernel kernel, AddressSpace space, long pid) {
    this.kernel = kernel;
    this.space = space;
    this.pid = pid;
  }

  /** Makes the calling strand the thread of a new process, which has a share in the address space. */
  void begin() {
    Vmspace shared = kernel.call("share", () -> space.vmspace().share());
    thread = kernel.processes().adoptHere(pid, shared);
  }

  /** Ends the process: its share in the address space goes, the scenario's stays. */
  void end() {
    ProcThread t = thread();
    kernel.processes().systemCalls().life().exit(t);
    t.end();
  }

  private ProcThread thread() {
    ProcThread t = thread;
    if (t == null) {
      throw new IllegalStateException("process has not begun");
    }
    return t;
  }

  /** Loads the first word of a page; {@link User#REFUSED} if that is not allowed. */
  public long load(int page) {
    ProcThread t = thread();
    return t.access().load(space.at(page)) == CallResult.OK ? t.access().value() : User.REFUSED;
  }

  /** Stores into the first word of a page; returns whether that was allowed. */
  public boolean store(int page, long value) {
    return thread().access().store(space.at(page), value) == CallResult.OK;
  }

  /** Calls munmap for pages. */
  public CallResult munmap(int page, int pages) {
    return kernel.processes().systemCalls().memory().munmap(thread(), space.at(page), (long) pages * space.at(1));
  }

  /** Calls vfork; returns when the child has run {@code code} and ended. */
  public CallResult vfork(ProcessCode code) {
    ScenarioProcess child = new ScenarioProcess(kernel, space, pid + 100);
    return kernel.processes().systemCalls().life().vfork(
        thread(),
        child.pid,
        t -> {
          child.thread = t;
          code.run(child);
        });
  }

  @Override
  public String toString() {
    return "process " + pid + " in " + space;
  }
}
