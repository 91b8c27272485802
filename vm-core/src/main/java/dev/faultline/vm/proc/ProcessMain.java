package dev.faultline.vm.proc;

/** What a process does in user mode. */
@FunctionalInterface
public interface ProcessMain {
  /** Runs on the process's own thread, and ends with {@link LifeCalls#exit}. What it throws takes the kernel down. */
  void run(ProcThread thread);
}
