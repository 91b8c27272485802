package dev.faultline.vm.scenario;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.Disk;
import dev.faultline.hw.FaultMode;
import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.fault.FaultProbe;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.trace.TraceOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One instance of a scenario's world: a kernel, address spaces, actors. */
public final class ScenarioWorld {
  /*
   * Implementation overview
   *
   * Who calls    The set-up's strand makes the world, the check's ends it; both alone. An actor's three parts run on
   *              its own strand: prepare makes it a kernel thread, so that the list of threads is no part of what is
   *              explored; finish unmakes it.
   * The end      settle first looks at the kernel at rest (all invariants, stale accesses, a strand's death), then runs
   *              the scenario's own check, ends the address spaces, looks again, and shuts down.
   */
  private final Kernel kernel; // (C)
  private final Findings findings = new Findings();
  private final List<AddressSpace> spaces = new CopyOnWriteArrayList<>(); // (A) an actor's fork adds, its exit removes
  private final List<ScenarioActor> actors = new ArrayList<>(); // the set-up's
  private final Set<String> killed = ConcurrentHashMap.newKeySet(); // (A) actors
  private @Nullable Runnable check; // the set-up's
  private int cpusUsed;
  private boolean processes; // who uses processors are processes

  /** Something that was not as it has to be. */
  public static final class Broken extends AssertionError {
    private static final long serialVersionUID = 1L;

    /** Creates it. */
    public Broken(String message) {
      super(message);
    }
  }

  private ScenarioWorld(Kernel kernel) {
    this.kernel = kernel;
    kernel
        .machine()
        .staleAccessListener(
            (cpu, va, frame, write, filled, now) ->
                findings.add(
                    Finding.Kind.INVARIANT,
                    "I-42 " + (write ? "store to" : "load from") + " 0x" + Long.toHexString(va) + " on cpu " + cpu.id()
                        + " reached frame " + frame + " under another identity"));
  }

  /** Sets a scenario's world up. The caller is a strand that is no kernel thread. */
  public static ScenarioWorld of(Scenario s, Mode mode, Set<Defect> defects, Strands strands) {
    return of(s, mode, defects, strands, TraceOptions.NONE);
  }

  /** Sets a scenario's world up, whose kernel may record what it does. As {@link #of(Scenario, Mode, Set, Strands)}. */
  public static ScenarioWorld of(Scenario s, Mode mode, Set<Defect> defects, Strands strands, TraceOptions trace) {
    return of(s, mode, defects, strands, trace, null);
  }

  /**
   * Sets a scenario's world up. As {@link #of(Scenario, Mode, Set, Strands)}.
   *
   * @param trace what its kernel records
   * @param probe hears of the fault handler's decisions, or null
   */
  public static ScenarioWorld of(
      Scenario s,
      Mode mode,
      Set<Defect> defects,
      Strands strands,
      TraceOptions trace,
      @Nullable FaultProbe probe) {
    ScenarioWorld w = new ScenarioWorld(new Kernel(s.shape().config(mode, defects, trace, probe), strands));
    s.script().accept(w);
    return w;
  }

  public Kernel kernel() {
    return kernel;
  }

  /** Returns the actors, in order. */
  public List<ScenarioActor> actors() {
    return List.copyOf(actors);
  }

  /** Makes an empty address space. */
  public AddressSpace space(String name) {
    return adopt(inKernel(() -> kernel.processes().newVmspace(name)));
  }

  /** Makes a file of so many pages; what it holds is for {@link #onDisk} to say. */
  public Vnode file(int pages) {
    long length = (long) pages * kernel.config().machine().pageSize();
    return inKernel(() -> kernel.volume().create("file", length, 1));
  }

  /** Changes the length of a file, in bytes. */
  public void setSize(Vnode v, long bytes) {
    inKernel(
        () -> {
          v.lock();
          kernel.vnodePager().setSize(v, bytes);
          v.unlock();
        });
  }

  /** Returns the first word of a file's page as it is on the disk. All is quiet. */
  public long onDisk(Vnode v, int page) {
    return inKernel(() -> kernel.volume().diskWord(v, (long) page * kernel.config().machine().pageSize()));
  }

  /** Makes the next write to any block of the disk fail. */
  public void failNextWrite() {
    Disk disk = kernel.machine().disk();
    disk.fail(0, disk.blocks(), FaultMode.TRANSIENT_WRITE);
  }

  /** Returns the frames that are not free. All is quiet. */
  public int framesInUse() {
    return kernel.pages().pageCount() - kernel.pages().freeList().freeCount();
  }

  /** Returns the frames that are wired. All is quiet. */
  public int wired() {
    return kernel.pages().queues().wireCount();
  }

  /** Returns the pages of swap that are not free. All is quiet. */
  public int swapInUse() {
    return kernel.swapPager().swapPages() - kernel.swapPager().freePages();
  }

  /** Wires memory of a space of its own until no more than so many frames are free. */
  public void hoard(int leaveFree) {
    AddressSpace s = space("hoard").mapZero(0, kernel.pages().pageCount());
    for (int page = 0; kernel.pages().freeList().freeCount() > leaveFree; page++) {
      must(s.wire(page, 1));
    }
  }

  AddressSpace adopt(Vmspace v) {
    AddressSpace s = new AddressSpace(this, v);
    spaces.add(s);
    return s;
  }

  /** Adds an actor without a processor. What it does of the kernel's, it does through {@link AddressSpace} and here. */
  public ScenarioWorld actor(String name, Runnable body) {
    Runnable prepare =
        () -> {
          KThread t = new KThread(kernel.domain(), name, false);
          if (killed.contains(name)) { // after it can be found: the killer looks the other way round
            t.kill();
          }
        };
    actors.add(new ScenarioActor(name, prepare, body, () -> KThread.current().end()));
    return this;
  }

  /** Adds an actor that runs user code in an address space, on a processor of its own. */
  public ScenarioWorld userActor(String name, AddressSpace space, UserCode code) {
    Cpu cpu = kernel.machine().cpu(takeCpu(false));
    cpu.switchTo(space.vmspace().pmap().table());
    User user = new User(space, cpu);
    actors.add(
        new ScenarioActor(
            name,
            () -> cpu.context = new KThread(kernel.domain(), name, false),
            () -> code.run(user),
            () -> {
              cpu.context = null;
              KThread.current().end();
            }));
    return this;
  }

  private int takeCpu(boolean process) {
    if (cpusUsed == kernel.machine().cpus()) {
      throw new IllegalStateException("scenario has more users than processors");
    }
    if (cpusUsed > 0 && process != processes) {
      throw new IllegalStateException("processors are the kernel's to give, or belong to actors: not both");
    }
    processes = process;
    return cpusUsed++;
  }

  /**
   * Adds an actor that is a process with a share in an address space. The kernel gives it a processor, so that no other
   * actor may have one of its own.
   */
  public ScenarioWorld processActor(String name, AddressSpace space, ProcessCode code) {
    takeCpu(true);
    ScenarioProcess process = new ScenarioProcess(kernel, space, actors.size() + 1L);
    actors.add(new ScenarioActor(name, process::begin, () -> code.run(process), process::end));
    return this;
  }

  /**
   * Kills an actor without a processor for want of memory, as the page daemon does with a process: it stops waiting for
   * any (5.7). Where an engine begins one actor after another, that may be before it has begun.
   */
  public void kill(String actor) {
    killed.add(actor);
    inKernel(
        () -> {
          kernel.domain().forEachThread(
              t -> {
                if (t.name().equals(actor)) {
                  t.kill();
                }
              });
          kernel.pages().freeList().wakeWaiters();
        });
  }

  /** What an actor that is a process does, or its child. */
  public interface ProcessCode {
    void run(ScenarioProcess process);
  }

  /**
   * Takes wired memory of the kernel's own, as an interrupt would: the last frame if need be, never waiting. Refused,
   * the scenario is broken.
   */
  public void kernelTakes(int pages) {
    KernelMemory memory = kernel.kernelMemory();
    long bytes = (long) pages * kernel.config().machine().pageSize();
    long at = inKernel(() -> memory.malloc(memory.kmemMap(), bytes, KernelMemory.MallocWait.NOWAIT));
    require(at != KernelMemory.NONE, "no memory for the kernel");
  }

  /** What a user actor does. */
  public interface UserCode {
    void run(User user);
  }

  /** Sets what is looked at in the end, beside the invariants: all is quiet then, and nothing has been taken down. */
  public void check(Runnable c) {
    check = c;
  }

  /** Fails unless {@code ok}. */
  public void require(boolean ok, String message) {
    if (!ok) {
      throw new Broken(message);
    }
  }

  /** Fails unless a kernel operation succeeded. */
  public void must(KernReturn r) {
    require(r == KernReturn.SUCCESS, "refused: " + r);
  }

  /** Fails unless {@code actual} is one of the values {@code allowed}. */
  public void expect(String what, long actual, long... allowed) {
    for (long a : allowed) {
      if (a == actual) {
        return;
      }
    }
    throw new Broken(what + " is " + actual + " instead of " + Arrays.toString(allowed));
  }

  /** Runs {@code body} on the calling strand as a kernel thread, in the kernel. */
  public <T> T inKernel(Supplier<T> body) {
    return kernel.call("scenario", body);
  }

  /** Runs {@code body} on the calling strand as a kernel thread, in the kernel. */
  public void inKernel(Runnable body) {
    kernel.run("scenario", body);
  }

  /** Judges the world at its end, and ends it. The caller is a strand; all actors have ended, and nobody else runs. */
  public void settle() {
    settle(() -> {});
  }

  /**
   * Judges the world at its end, and ends it. As {@link #settle()}, but the kernel's own threads may run meanwhile: the
   * faults of the check can give the page daemon work, and the invariants are those of a kernel at rest.
   *
   * @param rest returns when the kernel is at rest, or throws
   */
  public void settle(Runnable rest) {
    rest.run();
    look();
    Runnable c = check;
    if (c != null) {
      c.run();
    }
    for (int i = 0; i < kernel.machine().cpus(); i++) {
      kernel.machine().cpu(i).switchTo(null);
    }
    for (AddressSpace s : new ArrayList<>(spaces)) {
      s.free();
    }
    rest.run();
    look();
    kernel.close();
  }

  void forget(AddressSpace s) {
    spaces.remove(s);
  }

  private void look() {
    Throwable death = kernel.death();
    if (death != null) {
      throw new IllegalStateException("a strand of the kernel died", death);
    }
    if (!findings.isEmpty()) {
      throw new Broken(findings.list().get(0).message());
    }
    KernelParts parts =
        KernelParts.of(
            kernel,
            () -> {
              List<VmMap> maps = new ArrayList<>();
              spaces.forEach(s -> maps.add(s.vmspace().map()));
              return maps;
            });
    List<String> wrong = inKernel(() -> new Invariants(parts).check());
    if (!wrong.isEmpty()) {
      throw new Broken(wrong.get(0) + (wrong.size() > 1 ? " (and " + (wrong.size() - 1) + " more)" : ""));
    }
  }

  @Override
  public String toString() {
    return "scenario's world(" + kernel + ")";
  }
}
