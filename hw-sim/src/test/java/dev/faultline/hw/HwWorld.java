package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.strand.SerialStrands;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/** A machine for a test, whose calling thread is a strand, and in which no strand may die unseen. */
final class HwWorld implements AutoCloseable {
  static final long PATIENCE_NANOS = 30_000_000_000L;

  /** What a user page's entry needs. */
  static final long RO = Pte.V | Pte.U | Pte.USED;

  static final long RW = RO | Pte.W;

  private static final ThreadStrands POOL = new ThreadStrands();

  final MachineConfig config;
  final Strands strands;
  final Machine machine;
  final Strand me;
  /** For actors to look at; set by {@link #join}'s caller, and by close, so that a failed test ends at once. */
  final AtomicBoolean stop = new AtomicBoolean();

  private final AtomicReference<Throwable> death = new AtomicReference<>();
  private final List<Strand> actors = new ArrayList<>();
  private int tables;

  HwWorld(MachineConfig config) {
    this(config, POOL);
  }

  private HwWorld(MachineConfig config, Strands supply) {
    this.config = config;
    strands = supply.world((s, t) -> death.compareAndSet(null, t));
    me = strands.attach("test");
    machine = new Machine(config, strands);
  }

  /** Two processors, 16 frames of 4096 bytes, unless {@code change} says otherwise. */
  static HwWorld of(Consumer<MachineConfig.Builder> change) {
    return new HwWorld(config(change));
  }

  /** The same with strands that run one at a time, in simulated time: for what happens at instants. */
  static HwWorld serial(Consumer<MachineConfig.Builder> change) {
    return new HwWorld(config(change), POOL.serial(1, 8, true));
  }

  private static MachineConfig config(Consumer<MachineConfig.Builder> change) {
    MachineConfig.Builder b = MachineConfig.builder().cpus(2).frames(16).diskBlocks(1024);
    change.accept(b);
    return b.build();
  }

  static HwWorld plain() {
    return of(b -> {});
  }

  static HwWorld with(MmuOptions options) {
    return of(b -> b.mmu(options));
  }

  PageTable table() {
    return new PageTable(++tables, config);
  }

  /** Enters a translation; returns nothing, shoots nothing. */
  static void set(PageTable t, long va, int frame, long bits) {
    t.makeLeaf(va).getAndSet(t.index(va), Pte.make(frame, bits));
  }

  static void clear(PageTable t, long va) {
    t.makeLeaf(va).getAndSet(t.index(va), 0);
  }

  static long pte(PageTable t, long va) {
    PageTable.Leaf leaf = t.leaf(va);
    return leaf == null ? 0 : leaf.get(t.index(va));
  }

  void shoot(PageTable t, long va) {
    machine.shootdown().shoot(t, va, va + config.pageSize());
  }

  /** Returns a processor's entry for a page as {@code frame N}, with W and Mseen as they are, or "none". */
  static String tlb(Cpu cpu, long va) {
    StringBuilder s = new StringBuilder();
    cpu.visitTlb(
        (page, frame, writable, seen) -> {
          if (page == va) {
            s.append("frame ").append(frame).append(writable ? " W" : "").append(seen ? " Mseen" : "");
          }
        });
    return s.length() == 0 ? "none" : s.toString();
  }

  Strand actor(String name, Runnable body) {
    Strand s = strands.start(name, body);
    actors.add(s);
    return s;
  }

  boolean someoneDied() {
    return death.get() != null;
  }

  void join() {
    for (Strand s : actors) {
      assertThat(strands.join(s, PATIENCE_NANOS)).as("%s ends", s).isTrue();
    }
    actors.clear();
    Throwable t = death.get();
    if (t != null) {
      throw new AssertionError("a strand died", t);
    }
  }

  @Override
  public void close() {
    stop.set(true);
    try {
      join();
      machine.close();
    } finally {
      strands.detach();
      if (strands instanceof SerialStrands serial) {
        serial.close();
      }
    }
    assertThat(death.get()).isNull();
  }
}
