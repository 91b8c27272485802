package dev.faultline.vm.pmap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The lists of a page's mappings, and the supply of entries for them (2.4). */
@Timeout(60)
final class PvEntriesTest {
  private static final int RW = VmProt.READ | VmProt.WRITE;
  private static final long VA = 0x10000;
  private static final int BATCH = 32; // PvTable's

  @Test
  void pageExists_asksForThisPmapAlone_andForValidMappings() {
    try (PmapWorld w = new PmapWorld(Mode.FIXED)) {
      Pmap a = w.pmaps.create("a");
      Pmap b = w.pmaps.create("b");
      VmPage m = w.page();
      w.enter(b, VA, m, RW, false);
      assertThat(a.pageExists(m)).isFalse();
      w.enter(a, VA, m, RW, false);
      assertThat(a.pageExists(m)).isTrue();
      a.invalidate(KThread.current(), a.table().leaf(VA), a.table().index(VA));
      assertThat(a.pageExists(m)).as("half removed").isFalse();
      assertThat(b.pageExists(m)).isTrue();
      w.protect(m, VmProt.NONE);
      assertThat(b.pageExists(m)).isFalse();
      w.check();
    }
  }

  /** What a thread has too many of goes to all in batches, and comes to others from there; in NAIVE mode it is lost. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void spares_goToTheCommonPoolInBatches_andComeBack(Mode mode) {
    try (PmapWorld w = new PmapWorld(mode)) {
      KThread t = KThread.current();
      PvTable pvs = new PvTable(w.domain, PmapWorld.FRAMES);
      t.pvCache = null;
      Set<PvEntry> known = take(pvs, t, 3 * BATCH + 4);
      assertThat(known).hasSize(3 * BATCH + 4);
      known.forEach(e -> pvs.give(t, e)); // two batches go on the way, and a batch and four stay
      Object own = t.pvCache;
      t.pvCache = null; // another thread, which has none
      Set<PvEntry> others = take(pvs, t, 2 * BATCH);
      assertThat(others).hasSize(2 * BATCH);
      boolean pooled = mode != Mode.NAIVE;
      assertThat(others.stream().allMatch(known::contains)).isEqualTo(pooled);
      assertThat(others.stream().anyMatch(known::contains)).isEqualTo(pooled);
      assertThat(take(pvs, t, 1)).as("the pool is empty").noneMatch(known::contains);
      t.pvCache = own;
      Set<PvEntry> left = take(pvs, t, BATCH + 4);
      assertThat(left).hasSize(BATCH + 4).allMatch(known::contains).noneMatch(others::contains);
      assertThat(take(pvs, t, 1)).noneMatch(known::contains);
    }
  }

  private static Set<PvEntry> take(PvTable pvs, KThread t, int n) {
    Set<PvEntry> taken = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < n; i++) {
      pvs.reserve(t);
      taken.add(pvs.take(t));
    }
    return taken;
  }
}
