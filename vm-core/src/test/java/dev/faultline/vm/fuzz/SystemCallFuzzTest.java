package dev.faultline.vm.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.DaemonOptions;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.HangDetector;
import dev.faultline.vm.map.KernelMemory;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.CallResult;
import dev.faultline.vm.proc.ProcThread;
import dev.faultline.vm.proc.ResourceLimits;
import dev.faultline.vm.program.FileContent;
import dev.faultline.vm.program.RunChecks;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.RandomGenerator;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.Tuple;

/**
 * Arbitrary system calls leave no panic, no hang, no broken invariant and no wrong content: an error code, and nothing
 * changed.
 *
 * <p>The properties have fixed seeds, so that every build tries the same; {@code moreOfTheSame}, a slow test, goes on
 * from {@code -Dfaultline.seed} for {@code -Dfaultline.fuzz} programs.
 */
final class SystemCallFuzzTest {
  private static final int PAGE = 256;
  static final long BASE = 0x10000; // the window that most calls are about
  private static final int WINDOW = 24; // pages
  private static final int SEGMENT = 8; // pages above the window, where a data segment begins
  static final int ALL_PAGES = WINDOW + SEGMENT;
  private static final long DATA = BASE + (long) WINDOW * PAGE;
  private static final long TOP = DATA + (long) SEGMENT * PAGE + ResourceLimits.STACK_MAX; // of the stack
  private static final int DEVICE_PAGES = 4;
  private static final int FRAMES = 20; // fewer than the pages that most programs touch: the page daemon works
  private static final int SWAP = 64;
  private static final long LOOK_NANOS = 20_000_000;
  private static final ThreadStrands STRANDS = new ThreadStrands();

  private final Map<String, LongAdder> results = new ConcurrentSkipListMap<>(); // call and answer, how often

  @Provide
  Arbitrary<List<FuzzCall>> programs() {
    Arbitrary<Long> page = Arbitraries.integers().between(0, ALL_PAGES).map(i -> BASE + (long) i * PAGE);
    Arbitrary<Long> stack = Arbitraries.integers().between(-2, 3000).map(i -> TOP - (long) i * PAGE);
    Arbitrary<Long> strange = Arbitraries.oneOf(
        Arbitraries.longs(),
        Arbitraries.of(0L, -1L, 1L, Long.MAX_VALUE, Long.MIN_VALUE, -PAGE + 0L, Long.MAX_VALUE & -PAGE, 1L << 31,
            1L << 32, 1L << 47, (1L << 47) - PAGE, 1L << 48, PAGE - 1L, KernelMemory.BASE + PAGE,
            Long.MAX_VALUE - 7, Long.MAX_VALUE - PAGE, (1L << 62) - 8, -8L, ResourceLimits.STACK_MAX,
            ResourceLimits.DATA_MAX));
    Arbitrary<Long> address = Arbitraries.frequencyOf(
        Tuple.of(16, page),
        Tuple.of(3, page.map(p -> p + 8)),
        Tuple.of(1, page.map(p -> p + 3)),
        Tuple.of(2, stack),
        Tuple.of(2, strange));
    Arbitrary<Long> length = Arbitraries.frequencyOf(
        Tuple.of(13, Arbitraries.integers().between(1, 8).map(i -> (long) i * PAGE)),
        Tuple.of(1, Arbitraries.of(KernelMemory.BASE - PAGE, KernelMemory.BASE - ResourceLimits.DATA_MAX)),
        Tuple.of(3, Arbitraries.longs().between(0, 3L * PAGE)),
        Tuple.of(1, Arbitraries.just((long) WINDOW * PAGE)),
        Tuple.of(2, strange));
    Arbitrary<Long> offset = Arbitraries.frequencyOf(
        Tuple.of(10, Arbitraries.integers().between(0, 12).map(i -> (long) i * PAGE)),
        Tuple.of(4, Arbitraries.longs().between(0, 14L * PAGE)),
        Tuple.of(2, strange));
    Arbitrary<FuzzCall> call = Combinators.combine(
        kinds(), address, length, Arbitraries.integers().between(0, 15), offset)
        .as(FuzzCall::new);
    return call.list().ofMinSize(1).ofMaxSize(40).withSizeDistribution(RandomDistribution.uniform())
        .map(SystemCallFuzzTest::withMemory);
  }

  /** Every kind, those that wipe the slate clean less often than the rest. */
  private static Arbitrary<FuzzCall.Kind> kinds() {
    FuzzCall.Kind[] all = FuzzCall.Kind.values();
    return Arbitraries.frequencyOf(
        Tuple.of(24, Arbitraries.of(all).filter(k -> !k.isExec())),
        Tuple.of(12, Arbitraries.of(all).filter(FuzzCall.Kind::isAccess)),
        Tuple.of(1, Arbitraries.of(FuzzCall.Kind.EXEC, FuzzCall.Kind.EXEC_IMAGE)));
  }

  /** Begins with something to work on, or most calls would meet nothing at all. */
  private static List<FuzzCall> withMemory(List<FuzzCall> calls) {
    List<FuzzCall> all = new ArrayList<>();
    all.add(new FuzzCall(FuzzCall.Kind.EXEC_IMAGE, DATA, 0, 0, 0));
    all.add(new FuzzCall(FuzzCall.Kind.OBREAK, DATA + 2L * PAGE, 0, 0, 0));
    all.add(new FuzzCall(FuzzCall.Kind.SETRLIMIT, 0, 2L * PAGE, 8 + 3, 6L * PAGE)); // of what may be locked
    all.add(new FuzzCall(FuzzCall.Kind.SETRLIMIT, 0, 6L * PAGE, 8, 9L * PAGE)); // of the data segment
    all.add(new FuzzCall(FuzzCall.Kind.MMAP_ANON, BASE, 8L * PAGE, 3, 0));
    all.add(new FuzzCall(FuzzCall.Kind.MMAP_FILE, BASE + 8L * PAGE, 4L * PAGE, 8 + 3, 0));
    all.add(new FuzzCall(FuzzCall.Kind.MMAP_FILE, BASE + 12L * PAGE, 4L * PAGE, 3, PAGE));
    all.add(new FuzzCall(FuzzCall.Kind.MMAP_ANON, BASE + 16L * PAGE, 4L * PAGE, 8 + 3, 0));
    all.addAll(calls);
    return all;
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.BOUNDED, seed = "1995")
  void refusedCalls_changeNothing(@ForAll("programs") List<FuzzCall> program) {
    run(Mode.FIXED, Set.of(), List.of(program), true, 0);
    run(Mode.UP, Set.of(), List.of(program), true, 1);
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "1996")
  void processesThatDoAnything_leaveTheKernelWhole(
      @ForAll("programs") List<FuzzCall> one, @ForAll("programs") List<FuzzCall> two) {
    run(Mode.FIXED, Set.of(), List.of(one, two), false, 1);
    run(Mode.UP, Set.of(), List.of(one, two), false, 0);
  }

  @Example
  @Tag("slow")
  void moreOfTheSame() {
    long first = Long.getLong("faultline.seed", 0);
    int programs = Integer.getInteger("faultline.fuzz", 2000);
    RandomGenerator<List<FuzzCall>> generator = programs().generator(1000);
    for (long seed = first; seed < first + programs; seed++) {
      Random r = new Random(seed);
      List<FuzzCall> one = generator.next(r).value();
      List<List<FuzzCall>> many = crowd(generator, r);
      try {
        for (Mode mode : List.of(Mode.FIXED, Mode.UP)) {
          run(mode, Set.of(), List.of(one), true, seed);
          run(mode, Set.of(), many, false, seed);
        }
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + ": " + one + "\n" + many, e);
      }
    }
    results.forEach((what, times) -> System.out.println(what + ": " + times));
  }

  @Example
  void aKernelWithADefect_isFound() {
    RandomGenerator<List<FuzzCall>> generator = programs().generator(1000);
    Random r = new Random(7);
    for (int i = 0; i < 200; i++) {
      try {
        run(Mode.UP, Set.of(Defect.H_STEALWIRED), crowd(generator, r), false, i);
      } catch (AssertionError found) {
        return; // one program in four does
      }
    }
    throw new AssertionError("200 programs did not notice that wirings are left behind");
  }

  /** Returns programs for four processes, each long enough to meet the others. */
  private static List<List<FuzzCall>> crowd(RandomGenerator<List<FuzzCall>> generator, Random r) {
    List<List<FuzzCall>> programs = new ArrayList<>();
    for (int process = 0; process < 4; process++) {
      List<FuzzCall> program = new ArrayList<>(withMemory(List.of()));
      for (int part = 0; part < 6; part++) {
        generator.next(r).value().stream().filter(c -> !c.kind().isExec()).forEach(program::add);
      }
      programs.add(program);
    }
    return programs;
  }

  private void run(
      Mode mode, Set<Defect> defects, List<List<FuzzCall>> programs, boolean alone, long seed) {
    MachineConfig machine = MachineConfig.builder()
        .cpus(2).frames(FRAMES).deviceFrames(DEVICE_PAGES).pageSize(PAGE).tlbEntries(4)
        .diskBlocks(8L * (SWAP + 4096)).seed(seed).stamps(true)
        .tickNanos(100_000)
        .build();
    KernelConfig.Builder config =
        KernelConfig.builder(machine).mode(mode).swapPages(SWAP).witness(true).poison(0x5eadbee5L)
            .daemons(daemons(seed));
    defects.forEach(config::defect);
    Kernel kernel = new Kernel(config.build(), STRANDS);
    Findings findings = new Findings();
    AtomicReference<AssertionError> changed = new AtomicReference<>();
    kernel.domain().strands().attach("fuzz");
    try {
      RunChecks checks = new RunChecks(kernel, findings, seed);
      AtomicLong done = new AtomicLong();
      kernel.run("boot", () -> {
        List<Vnode> files = new ArrayList<>();
        for (long bytes : new long[] {6L * PAGE + 100, 2L * PAGE}) {
          Vnode v = kernel.volume().create("f" + bytes, bytes, bytes);
          files.add(v);
          kernel.processes().watcher().fileCreated(v, bytes, o -> FileContent.word(bytes, bytes, o));
        }
        Device device = kernel.devicePager().create("display", 0, DEVICE_PAGES);
        kernel.processes().watcher().fileCreated(device, (long) DEVICE_PAGES * PAGE, o -> 0);
        FuzzWorld world = new FuzzWorld(kernel, files, device, kernel.processes().barrier("one", 1), PAGE,
            new AtomicLong(programs.size()), alone);
        for (int i = 0; i < programs.size(); i++) {
          List<FuzzCall> program = programs.get(i);
          kernel.processes().start(i + 1, t -> carryOut(t, world, program, done, changed));
        }
      });
      checks.start();
      HangDetector hang = new HangDetector(kernel, done::get);
      Finding hung = null;
      while (hung == null && !kernel.processes().awaitEnd(LOOK_NANOS)) {
        hung = hang.look(System.nanoTime());
      }
      checks.stop();
      assertThat(hung).as("hang").isNull();
      if (kernel.death() == null) {
        checks.atRest();
      }
    } finally {
      kernel.domain().strands().detach();
    }
    if (kernel.death() != null) {
      throw new AssertionError("the kernel died, " + mode, kernel.death());
    }
    results.computeIfAbsent("processes swapped out", x -> new LongAdder()).add(kernel.events(Event.PROC_SWAPOUT));
    assertThat(changed.get()).isNull();
    assertThat(findings.list()).as(mode.toString()).isEmpty();
    kernel.close();
  }

  /** Returns the kernel's for one seed in two: such as swap processes out and in while others call. */
  private static DaemonOptions daemons(long seed) {
    DaemonOptions d = DaemonOptions.DEFAULT;
    return Math.floorMod(seed, 2L) == 0
        ? d
        : d.withUPages(1).withSwapSleepTicks(0).withZeroIdle(seed % 4 == 1).withSyncTicks(seed % 8 == 3 ? 5 : 0)
            .withResidentPages(seed % 8 == 5 ? 6 : -1);
  }

  private void carryOut(
      ProcThread t, FuzzWorld w, List<FuzzCall> program, AtomicLong done, AtomicReference<AssertionError> changed) {
    for (int i = 0; i < program.size(); i++) {
      FuzzCall c = program.get(i);
      List<String> before = w.alone() ? picture(t, w) : List.of();
      List<FuzzCall> children = program.subList(i + 1, Math.min(program.size(), i + 6));
      CallResult r;
      try {
        r = c.make(t, w, children);
      } catch (AssertionError wrong) {
        changed.compareAndSet(null, wrong);
        break;
      }
      done.getAndIncrement();
      count(c.kind() + " " + r);
      if (r == CallResult.SIGKILL) {
        break;
      }
      if (w.alone() && r != CallResult.OK && c.kind().isAllOrNothing() && !picture(t, w).equals(before)) {
        changed.compareAndSet(null,
            new AssertionError(c + " = " + r + " changed " + before + " into " + picture(t, w)));
      }
    }
    w.calls().life().exit(t);
  }

  private void count(String what) {
    results.computeIfAbsent(what, x -> new LongAdder()).increment();
  }

  private static List<String> picture(ProcThread t, FuzzWorld w) {
    AtomicReference<List<String>> p = new AtomicReference<>(List.of());
    t.inKernel(() -> p.set(ProcessPicture.of(t, w)));
    return p.get();
  }
}
