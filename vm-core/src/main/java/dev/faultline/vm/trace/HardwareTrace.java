package dev.faultline.vm.trace;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.HardwareObserver;
import dev.faultline.hw.PageTable;

/** Records the machine's own steps among the kernel's. */
public final class HardwareTrace implements HardwareObserver {
  private final Tracer tracer; // (C)

  public HardwareTrace(Tracer tracer) {
    this.tracer = tracer;
  }

  @Override
  public void marked(Cpu cpu, long va, long word) {
    tracer.event(TraceEvent.MARK, cpu.id(), va, word);
  }

  @Override
  public void shooting(PageTable of, long start, long end) {
    tracer.event(TraceEvent.SHOOTDOWN, TraceKind.PMAP.code(of.id()), start, end - start);
  }

  @Override
  public void purged(Cpu cpu, PageTable of) {
    tracer.event(TraceEvent.PURGE, cpu.id(), TraceKind.PMAP.code(of.id()));
  }

  @Override
  public void submitted(long block, int blockCount, boolean write) {
    tracer.event(TraceEvent.DISK_SUBMIT, block, blockCount, write ? 1 : 0);
  }

  @Override
  public void completing(DiskRequest r, boolean error) {
    tracer.event(TraceEvent.DISK_DONE, r.block, r.blockCount, error ? 1 : 0);
  }

  @Override
  public String toString() {
    return "hardware to " + tracer;
  }
}
