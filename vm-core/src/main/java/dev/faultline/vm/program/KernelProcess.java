package dev.faultline.vm.program;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ExecImage;
import dev.faultline.vm.proc.PagingCalls;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.Process;
import dev.faultline.vm.proc.ResourceLimits.Limit;
import dev.faultline.vm.proc.SystemCalls;
import dev.faultline.vm.proc.UserAccess;
import java.util.HashMap;
import java.util.Map;

/**
 * One process of a program on a kernel: names files, barriers and children by their indices. Belongs to the process's
 * own thread.
 */
final class KernelProcess implements ProcessCalls {
  private static final Reply[] REPLIES = replies();

  private final KernelRun run; // (C)
  private final ProcThread thread; // (C)
  private final UserAccess access; // (C)
  private final SystemCalls calls; // (C)
  private final Map<Integer, Process> children = new HashMap<>();

  KernelProcess(KernelRun run, ProcThread thread, SystemCalls calls) {
    this.run = run;
    this.thread = thread;
    this.access = thread.access();
    this.calls = calls;
  }

  private static Reply[] replies() {
    CallResult[] results = CallResult.values();
    Reply[] replies = new Reply[results.length];
    for (CallResult r : results) {
      replies[r.ordinal()] = Reply.valueOf(r.name());
    }
    return replies;
  }

  private static Reply reply(CallResult r) {
    return REPLIES[r.ordinal()];
  }

  @Override
  public Reply mmapAnon(long address, long length, int prot, boolean shared) {
    return reply(calls.memory().mmapAnon(thread, address, length, prot, shared));
  }

  @Override
  public Reply mmapFile(long address, long length, int prot, boolean shared, int file, long offset) {
    Vnode v = run.file(file);
    return reply(calls.memory().mmapFile(thread, address, length, prot, shared, v, offset));
  }

  @Override
  public Reply mmapDevice(long address, long length, int prot, int device, long offset) {
    return reply(calls.memory().mmapDevice(thread, address, length, prot, run.device(device), offset));
  }

  @Override
  public Reply munmap(long address, long length) {
    return reply(calls.memory().munmap(thread, address, length));
  }

  @Override
  public Reply mprotect(long address, long length, int prot) {
    return reply(calls.memory().mprotect(thread, address, length, prot));
  }

  @Override
  public Reply minherit(long address, long length, Inheritance inheritance) {
    return reply(calls.memory().minherit(thread, address, length, inheritance));
  }

  @Override
  public Reply madvise(long address, long length, Advice advice) {
    boolean unneeded = advice == Advice.DONTNEED || advice == Advice.FREE;
    return reply(calls.paging().madvise(thread, address, length, unneeded));
  }

  @Override
  public Reply mlock(long address, long length) {
    return reply(calls.paging().mlock(thread, address, length));
  }

  @Override
  public Reply munlock(long address, long length) {
    return reply(calls.paging().munlock(thread, address, length));
  }

  @Override
  public Reply msync(long address, long length, SyncMode mode) {
    int flags = switch (mode) {
      case SYNC -> 0;
      case ASYNC -> PagingCalls.MS_ASYNC;
      case INVALIDATE -> PagingCalls.MS_INVALIDATE;
    };
    return reply(calls.paging().msync(thread, address, length, flags));
  }

  @Override
  public Reply mincore(long address, int pages, byte[] resident) {
    return reply(calls.paging().mincore(thread, address, pages, VmProgram.PAGE_SIZE, resident));
  }

  @Override
  public Reply store(long address, long value) {
    return reply(access.store(address, value));
  }

  @Override
  public Reply load(long address) {
    return reply(access.load(address));
  }

  @Override
  public Reply add(long address, long value) {
    return reply(access.add(address, value));
  }

  @Override
  public Reply fill(long address, long length, long value) {
    return reply(access.fill(address, length / Long.BYTES, value));
  }

  @Override
  public Reply sum(long address, long length) {
    return reply(access.sum(address, length / Long.BYTES));
  }

  @Override
  public Reply touch(Access kind, long address) {
    long word = address & -Long.BYTES;
    return reply(kind == Access.WRITE ? access.add(word, 0) : access.load(word));
  }

  @Override
  public long value() {
    return access.value();
  }

  @Override
  public Reply fork(int child) {
    return started(child, calls.life().fork(thread, run.pid(child), run.main(child)));
  }

  @Override
  public Reply vfork(int child) {
    return started(child, calls.life().vfork(thread, run.pid(child), run.main(child)));
  }

  private Reply started(int child, CallResult r) {
    Process p = thread.lastChild();
    if (r == CallResult.OK && p != null) {
      children.put(child, p);
    }
    return reply(r);
  }

  @Override
  public Reply exec() {
    return reply(calls.life().exec(thread));
  }

  @Override
  public Reply image(long dataStart, long stackTop) {
    return reply(calls.life().exec(thread, new ExecImage(dataStart, stackTop)));
  }

  @Override
  public Reply brk(long end) {
    return reply(calls.segments().obreak(thread, end));
  }

  @Override
  public Reply limit(Limit what, long bytes) {
    long hard = thread.process().limits().hard(what);
    return reply(calls.segments().setrlimit(thread, what, Math.min(bytes, hard), hard));
  }

  @Override
  public Reply waitFor(int child) {
    return reply(calls.life().waitFor(thread, children.remove(child)));
  }

  @Override
  public Reply barrier(int barrier) {
    return reply(calls.life().barrier(thread, run.barrier(barrier)));
  }

  @Override
  public Reply sleep(long ticks) {
    return reply(calls.life().sleep(thread, ticks));
  }

  @Override
  public Reply truncate(int file, long length) {
    return reply(calls.files().truncate(thread, run.file(file), length));
  }

  @Override
  public Reply read(int file, long offset, long address, long length) {
    return reply(calls.files().read(thread, run.file(file), offset, address, length));
  }

  @Override
  public Reply write(int file, long offset, long address, long length) {
    return reply(calls.files().write(thread, run.file(file), offset, address, length));
  }

  @Override
  public void exit() {
    calls.life().exit(thread);
  }

  @Override
  public String toString() {
    return thread.toString();
  }
}
