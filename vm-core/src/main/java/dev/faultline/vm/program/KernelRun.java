package dev.faultline.vm.program;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.Barrier;
import dev.faultline.vm.proc.Process;
import dev.faultline.vm.proc.ProcessMain;
import java.util.List;

/**
 * One run of a program on a kernel that nothing else runs on: puts the files on its disk, starts the first process,
 * waits for the last.
 *
 * <p>{@link #start} and {@link #await} are for one thread; {@link #stop} is for any.
 */
public final class KernelRun {
  private static final long GROWTH_PAGES = 1L << 16;
  private static final long FILE_PAGES_MAX = 1L << 29;
  private static final int BLOCKS_PER_PAGE = 8;

  private final Kernel kernel; // (C)
  private final VmProgram program; // (C)
  private final ProgramRunner runner; // (C)
  private final Vnode[] files; // (C) once started
  private final Device[] devices; // (C) once started
  private final Barrier[] barriers; // (C) once started

  /**
   * Prepares a run.
   *
   * @param sink where the processes' lines go
   */
  public KernelRun(Kernel kernel, VmProgram program, LineSink sink) {
    this.kernel = kernel;
    this.program = program;
    this.runner = new ProgramRunner(program, sink);
    this.files = new Vnode[program.files().size()];
    this.devices = new Device[program.devices().size()];
    this.barriers = new Barrier[program.barriers().size()];
  }

  /**
   * Returns how many disk blocks the program's files want, and some more for files that grow.
   *
   * @param pageSize the machine's
   * @throws IllegalArgumentException if no disk has room for a file
   */
  public static long fileBlocks(VmProgram program, long pageSize) {
    long pages = GROWTH_PAGES;
    for (FileDeclaration f : program.files()) {
      long needed = f.length() / pageSize + (f.length() % pageSize == 0 ? 0 : 1);
      if (f.length() < 0 || needed > FILE_PAGES_MAX - pages) {
        throw new IllegalArgumentException(
            program.source() + ": file " + f.name() + " of " + Long.toUnsignedString(f.length())
                + " bytes: no disk has room for it; expected files of "
                + FILE_PAGES_MAX + " pages at most, together");
      }
      pages += needed;
    }
    return pages * BLOCKS_PER_PAGE;
  }

  /**
   * Returns how many frames of device memory the program's devices want.
   *
   * @param pageSize the machine's
   */
  public static int deviceFrames(VmProgram program, long pageSize) {
    long frames = 0;
    for (DeviceDeclaration d : program.devices()) {
      frames += frames(d, pageSize);
    }
    return Math.toIntExact(frames);
  }

  private static int frames(DeviceDeclaration d, long pageSize) {
    return (int) ((d.length() + pageSize - 1) / pageSize);
  }

  /** Makes the files and the devices, and starts the first process. */
  public void start() {
    kernel.run("boot", this::boot);
  }

  private void boot() {
    MemoryWatcher watcher = kernel.processes().watcher();
    for (int i = 0; i < files.length; i++) {
      FileDeclaration f = program.files().get(i);
      files[i] = kernel.volume().create(f.name(), f.length(), f.seed());
      if (watcher != null) {
        watcher.fileCreated(files[i], f.length(), offset -> FileContent.word(f.seed(), f.length(), offset));
      }
    }
    int first = 0;
    int pageSize = kernel.config().machine().pageSize();
    for (int i = 0; i < devices.length; i++) {
      DeviceDeclaration d = program.devices().get(i);
      devices[i] = kernel.devicePager().create(d.name(), first, frames(d, pageSize));
      first += devices[i].pages();
      if (watcher != null) {
        watcher.fileCreated(devices[i], (long) devices[i].pages() * pageSize, offset -> 0);
      }
    }
    for (int i = 0; i < barriers.length; i++) {
      BarrierDeclaration b = program.barriers().get(i);
      barriers[i] = kernel.processes().barrier(b.name(), b.parties());
    }
    kernel.processes().start(pid(0), main(0));
  }

  /**
   * Waits until all processes have ended, or the kernel has died of a panic ({@link Kernel#death}).
   *
   * @param nanos how long at most
   * @return whether nothing is left to wait for
   */
  public boolean await(long nanos) {
    boolean attach = Strand.currentOrNull() == null;
    if (attach) {
      kernel.domain().strands().attach("run");
    }
    try {
      return kernel.processes().awaitEnd(nanos);
    } finally {
      if (attach) {
        kernel.domain().strands().detach();
      }
    }
  }

  /** Has every process end as soon as it can, whatever it waits for. */
  public void stop() {
    runner.stop();
    kernel.run("stop", kernel.processes()::stop);
  }

  /** Returns about how many commands are done; exact when no process runs. */
  public long commandsDone() {
    return runner.commandsDone();
  }

  /** Returns the processes that were killed for want of memory, in order. */
  public List<Process> killed() {
    return kernel.processes().killedForMemory();
  }

  Vnode file(int index) {
    return files[index];
  }

  Device device(int index) {
    return devices[index];
  }

  Barrier barrier(int index) {
    return barriers[index];
  }

  long pid(int process) {
    return program.processes().get(process).pid();
  }

  ProcessMain main(int process) {
    return t -> runner.run(process, new KernelProcess(this, t, kernel.processes().systemCalls()));
  }

  @Override
  public String toString() {
    return "run of " + program + " on " + kernel;
  }
}
