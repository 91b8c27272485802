package dev.faultline.vm.pmap;

import static dev.faultline.vm.pmap.PmapWorld.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.MapLock;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Processors that store all the time, against everything that takes translations away, on real threads.
 *
 * <p>Each of two address spaces has a word of its own in each page, and stores rising numbers there. Whoever has
 * taken the right to store away looks at that word twice; whoever has cleaned a page remembers what it held, and any
 * other number found later must be marked in the page or in a mapping (I-43).
 */
@Timeout(120)
final class PmapRaceTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long VA = 0x10000;
  private static final int PAGES = 6;
  private static final int SPACES = 2;
  private static final long STRIDE = 3 * PAGE; // over a few leaves' worth of slots, with holes

  static Stream<Arguments> worlds() {
    MmuOptions hard = MmuOptions.ADVERSARIAL.withShootDelay(0).withShootMerge(false);
    return Stream.of(Mode.FIXED, Mode.UP)
        .flatMap(
            mode ->
                Stream.of(
                    Arguments.of(mode, MmuOptions.NONE, 500),
                    Arguments.of(mode, hard, 500),
                    Arguments.of(mode, MmuOptions.ADVERSARIAL.withShootDelay(2000), 150)));
  }

  @ParameterizedTest
  @MethodSource("worlds")
  void storesAreNeitherLostNorLate(Mode mode, MmuOptions mmu, int turns) {
    new Race(mode, mmu, turns, 1).run();
  }

  @ParameterizedTest
  @MethodSource("worlds")
  @Tag("slow")
  @Timeout(600)
  void storesAreNeitherLostNorLate_forLong(Mode mode, MmuOptions mmu, int turns) {
    for (int seed = 2; seed < 6; seed++) {
      new Race(mode, mmu, 10 * turns, seed).run();
    }
  }

  /** One address space: a map lock, a pmap, which page is where, and whether its entry is wired. */
  private static final class Space {
    final MapLock map;
    final Pmap pmap;
    final int word;
    final VmPage[] at = new VmPage[PAGES]; // guarded by map
    final boolean[] wired = new boolean[PAGES]; // guarded by map
    final long[] stored = new long[PAGES]; // the storing strand's

    Space(PmapWorld w, int word) {
      this.word = word;
      pmap = w.pmaps.create("space" + word);
      map = new MapLock(w.domain, "map" + word, 100 + word);
    }
  }

  private static final class Race {
    private final AtomicReference<Throwable> death = new AtomicReference<>();
    private final int turns;
    private final long seed;
    private final PmapWorld w;
    private final Space[] spaces = new Space[SPACES];
    private final VmPage[] common = new VmPage[PAGES];
    private final VmPage[][] spare = new VmPage[SPACES][PAGES]; // guarded by the space's map
    private final long[][] clean = new long[PmapWorld.FRAMES][SPACES]; // guarded by owning the page busy
    private volatile boolean stop;

    Race(Mode mode, MmuOptions mmu, int turns, long seed) {
      this.turns = turns;
      this.seed = seed;
      Strands strands = new ThreadStrands().world((s, e) -> death.compareAndSet(null, e));
      w = new PmapWorld(mode, strands, mmu);
      for (int i = 0; i < PAGES; i++) {
        common[i] = w.page();
      }
      for (int s = 0; s < SPACES; s++) {
        spaces[s] = new Space(w, s);
        for (int i = 0; i < PAGES; i++) {
          spaces[s].at[i] = common[i];
          spare[s][i] = w.page();
        }
      }
    }

    void run() {
      List<Strand> storing = new ArrayList<>();
      List<Strand> taking = new ArrayList<>();
      w.domain.token().leave();
      for (Space s : spaces) {
        storing.add(w.strands.start("store" + s.word, () -> stores(s)));
        taking.add(actor("range" + s.word, r -> range(s, r)));
        taking.add(actor("wire" + s.word, r -> wire(s, r)));
        taking.add(actor("other" + s.word, r -> enterOther(s, r)));
      }
      taking.add(actor("clean", this::clean));
      taking.add(actor("age", this::age));
      boolean quiet = false;
      try {
        join(taking);
        stop = true;
        join(storing);
        quiet = true;
      } finally {
        stop = true;
        if (!quiet) {
          w.abandon();
        }
      }
      w.domain.token().enter();
      try {
        w.check();
        checkStored();
      } finally {
        w.close();
      }
    }

    private void join(List<Strand> strands) {
      for (Strand s : strands) {
        boolean ended = w.strands.join(s, TimeUnit.SECONDS.toNanos(300));
        assertThat(death.get()).isNull();
        assertThat(ended).as("%s has ended", s).isTrue();
      }
    }

    private interface Turn {
      void run(SplittableRandom random);
    }

    private Strand actor(String name, Turn turn) {
      SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
      return w.strands.start(
          name,
          () -> {
            KThread t = new KThread(w.domain, name, false);
            for (int i = 0; i < turns && death.get() == null; i++) {
              w.domain.token().enter();
              turn.run(random);
              w.domain.token().leave();
              t.strand().pause(i & 127);
            }
            t.end();
          });
    }

    private static long va(int i) {
      return VA + i * STRIDE;
    }

    private long word(VmPage m, Space s) {
      return w.machine.memory().load(m.frame(), s.word);
    }

    // the program

    private void stores(Space s) {
      KThread t = new KThread(w.domain, "store" + s.word, false);
      SplittableRandom random = new SplittableRandom(seed * 17 + s.word);
      w.cpu(s.word).context = t;
      s.pmap.activate(w.cpu(s.word));
      for (long n = 1; !stop && death.get() == null; ) {
        int i = random.nextInt(PAGES);
        if (PmapWorld.stores(w.cpu(s.word), va(i) + 8L * s.word, n)) {
          s.stored[i] = n++;
        } else {
          w.domain.token().enter();
          fault(t, s, i);
          w.domain.token().leave();
        }
      }
      t.end();
    }

    /** As much of vm_fault as there has to be: M read, the page busy, enter, wire. */
    private void fault(KThread t, Space s, int i) {
      s.map.lockRead();
      VmPage m = s.at[i];
      w.owner.lock.lock();
      if (m.isBusy()) {
        s.map.unlock();
        m.setWanted();
        w.domain.sleepQueues().sleepOn(m, w.owner.lock, "busy");
        return;
      }
      m.setBusy(t);
      w.owner.lock.unlock();
      w.enter(s.pmap, va(i), m, RW, s.wired[i]);
      release(m);
      s.map.unlock();
    }

    private boolean claim(VmPage m) {
      w.owner.lock.lock();
      try {
        if (m.isBusy()) {
          return false;
        }
        m.setBusy(KThread.current());
        return true;
      } finally {
        w.owner.lock.unlock();
      }
    }

    private void release(VmPage m) {
      w.owner.lock.lock();
      w.pages.wakeup(m);
      w.owner.lock.unlock();
    }

    // those who take away

    private void range(Space s, SplittableRandom r) {
      int from = r.nextInt(PAGES);
      int to = from + 1 + r.nextInt(PAGES - from);
      s.map.lockWrite();
      int what = r.nextInt(4);
      switch (what) {
        case 0 -> s.pmap.remove(va(from), va(to - 1) + PAGE);
        case 1 -> s.pmap.removeUnwired(va(from), va(to - 1) + PAGE);
        case 2 -> s.pmap.remove(0, 1L << 40);
        default -> s.pmap.protect(va(from), va(to - 1) + PAGE, VmProt.READ);
      }
      long[] seen = new long[PAGES];
      for (int turn = 0; turn < 3; turn++) {
        for (int i = from; i < to; i++) {
          if (what == 1 && s.wired[i]) {
            continue;
          }
          long now = word(s.at[i], s);
          assertThat(turn == 0 || now == seen[i]).as("stored after range operation %d returned", what).isTrue();
          seen[i] = now;
        }
        KThread.current().strand().pause(1);
      }
      s.map.unlock();
    }

    private void wire(Space s, SplittableRandom r) {
      int i = r.nextInt(PAGES);
      s.map.lockWrite();
      s.wired[i] = !s.wired[i];
      if (!s.wired[i]) {
        s.pmap.unwire(va(i));
      }
      s.map.unlock();
    }

    private void enterOther(Space s, SplittableRandom r) {
      int i = r.nextInt(PAGES);
      s.map.lockWrite();
      VmPage old = s.at[i];
      VmPage now = spare[s.word][i];
      if (claim(now)) {
        w.enter(s.pmap, va(i), now, RW, s.wired[i]);
        s.at[i] = now;
        spare[s.word][i] = old;
        long seen = word(old, s);
        KThread.current().strand().pause(1);
        assertThat(word(old, s)).as("stored to a frame after another took its place").isEqualTo(seen);
        release(now);
      }
      s.map.unlock();
    }

    private void clean(SplittableRandom r) {
      int what = r.nextInt(3);
      VmPage m = r.nextInt(3) > 0 ? common[r.nextInt(PAGES)] : w.pages.page(r.nextInt(PmapWorld.FRAMES));
      if (!m.isTabled() || !claim(m)) {
        return;
      }
      if (what == 2) {
        w.pmaps.removeAllButWired(m); // wired mappings go on storing: nothing to be seen
      } else {
        w.pmaps.protect(m, what == 0 ? VmProt.NONE : VmProt.READ);
        w.pages.testDirty(m);
        long[] seen = {word(m, spaces[0]), word(m, spaces[1])};
        boolean changed = seen[0] != clean[m.frame()][0] || seen[1] != clean[m.frame()][1];
        assertThat(!changed || m.dirty() == VmPage.ALL_CHUNKS).as("I-43: stored to, but clean: %s", m).isTrue();
        m.clearDirty(VmPage.ALL_CHUNKS);
        KThread.current().strand().pause(1);
        w.pmaps.clearModify(m);
        assertThat(word(m, spaces[0])).as("stored to while it was cleaned").isEqualTo(seen[0]);
        assertThat(word(m, spaces[1])).as("stored to while it was cleaned").isEqualTo(seen[1]);
        clean[m.frame()] = seen;
      }
      release(m);
    }

    private void age(SplittableRandom r) {
      VmPage m = common[r.nextInt(PAGES)];
      w.owner.lock.lock();
      if (w.pmaps.isReferenced(m)) {
        w.pmaps.clearReference(m);
      }
      w.owner.lock.unlock();
    }

    // afterwards

    private void checkStored() {
      for (Space s : spaces) {
        for (int i = 0; i < PAGES; i++) {
          long newest = Math.max(word(s.at[i], s), word(spare[s.word][i], s));
          assertThat(newest).as("last number stored by space %d in page %d", s.word, i).isEqualTo(s.stored[i]);
        }
      }
      for (int f = 0; f < PmapWorld.FRAMES; f++) {
        VmPage m = w.pages.page(f);
        boolean changed = false;
        for (Space s : spaces) {
          changed |= word(m, s) != clean[f][s.word];
        }
        assertThat(!changed || m.dirty() != 0 || w.pmaps.isModified(m)).as("I-43: %s", m).isTrue();
      }
    }
  }
}
