package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Event;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.bed.StubVnode;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Full collapse, bypass and qcollapse (vm-semantics 3.3, 5.7; R20). */
@Timeout(120)
final class CollapseTest {
  private static final int SIZE = 8;

  private final Bed bed = Bed.builder().frames(128).build();

  @AfterEach
  void close() {
    bed.close();
  }

  private VmObject over(VmObject b, int at, int size) {
    return bed.objects.shadow(b, (long) at * Bed.PAGE, (long) size * Bed.PAGE);
  }

  private void collapse(VmObject o) {
    bed.locked(o, o::collapse);
  }

  private void pip(VmObject o, int n) {
    bed.locked(
        o,
        () -> {
          if (n > 0) {
            o.pipUp(n);
          } else {
            o.pipDown(-n);
          }
        });
  }

  private void swapOut(VmObject o, int i, long word) {
    bed.locked(o, () -> bed.swap.write(o, (long) i * Bed.PAGE, word));
  }

  private long[] contents(VmObject o) {
    long[] words = new long[(int) (o.size() / Bed.PAGE)];
    for (int i = 0; i < words.length; i++) {
      words[i] = bed.read(o, i);
    }
    return words;
  }

  private void end(VmObject... all) {
    for (VmObject o : all) {
      o.deallocate();
    }
    assertThat(bed.objects.objectCount()).as("objects left").isZero();
    assertThat(bed.freeList.freeCount()).as("frames free").isEqualTo(128);
    assertThat(bed.swap.used).as("blocks in use").hasValue(0);
  }

  @Nested
  class Full {
    @Test
    void absorbsTheBackingObject() {
      VmObject bottom = bed.object(2 * SIZE);
      bottom.reference(); // somebody else needs it
      VmObject b = over(bottom, 1, SIZE);
      VmObject o = over(b, 2, 4);
      VmPage shown = bed.put(b, 3, 103);
      bed.put(b, 4, 104);
      VmPage hides = bed.put(o, 2, 204); // over b's page 4
      bed.put(b, 1, 101); // before o's window
      bed.put(b, 6, 106); // behind it
      bed.put(bottom, 3, 3);
      bed.mappings.map(shown, false);
      long[] before = contents(o);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before).containsExactly(3, 103, 204, 0);
      assertThat(bed.objects.objectCount()).isEqualTo(2);
      assertThat(o.backing()).isSameAs(bottom);
      assertThat(o.backingOffset()).isEqualTo(3 * Bed.PAGE);
      assertThat(b.isDead()).isTrue();
      assertThat(b.firstShadow()).as("nothing leads back from the dead").isNull();
      assertThat(bed.page(o, 1)).as("moved, not copied").isSameAs(shown);
      assertThat(shown.pvFlags).as("its mappings stay").isEqualTo(VmPage.PV_MAPPED);
      assertThat(shown.dirty()).as("its state stays").isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(bed.page(o, 2)).isSameAs(hides);
      assertThat(o.residentPageCount()).isEqualTo(2);
      ObjectAudit.checkReferences(bed.objects, List.of(o, bottom));
      assertThat(bed.domain.events(Event.COLLAPSES.ordinal())).isEqualTo(1);
      end(o, bottom);
    }

    @Test
    void goesOn_downTheChain() {
      VmObject o = bed.object(SIZE);
      bed.put(o, 0, 1);
      for (int i = 1; i < 6; i++) {
        o = over(o, 0, SIZE);
        bed.put(o, i, i + 1);
      }
      long[] before = contents(o);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before);
      assertThat(bed.objects.objectCount()).isEqualTo(1);
      assertThat(o.backing()).isNull();
      end(o);
    }

    @Test
    void discardedPages_areUnmapped_andWiredOnesUnwired() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      VmPage hidden = bed.put(b, 0, 1);
      bed.mappings.mapWired(hidden);
      bed.put(o, 0, 2);
      collapse(o);
      assertThat(hidden.queue()).isEqualTo(VmPage.QUEUE_FREE);
      assertThat(bed.queues.wireCount()).isZero();
      end(o);
    }

    @Test
    void takesTheSwapTableOver() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 2, 4);
      swapOut(b, 1, 101);
      swapOut(b, 3, 103);
      swapOut(b, 4, 104);
      bed.put(o, 2, 204); // hides b's block 4
      long[] before = contents(o);
      collapse(o);
      assertThat(o.type()).isEqualTo(ObjectType.SWAP);
      assertThat(o.pagingOffset()).isEqualTo(2 * Bed.PAGE);
      assertThat(contents(o)).isEqualTo(before).containsExactly(0, 103, 204, 0);
      assertThat(bed.objects.objectCount()).isEqualTo(1);
      end(o);
    }

    @Test
    void copiesTheSwapTable_intoOneThatIsThere() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 2, 4);
      swapOut(b, 3, 103);
      swapOut(b, 4, 104);
      swapOut(b, 7, 107);
      swapOut(o, 2, 204);
      long[] before = contents(o);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before).containsExactly(0, 103, 204, 0);
      assertThat(bed.swap.used).hasValue(2);
      end(o);
    }

    /** A page of the backing object is older than the block that the shadow has for it. */
    @Test
    void discardsPages_thatTheShadowHasInSwap() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      bed.put(b, 3, 103);
      swapOut(o, 3, 203);
      collapse(o);
      assertThat(bed.read(o, 3)).isEqualTo(203);
      assertThat(o.residentPageCount()).isZero();
      end(o);
    }

    @Test
    void leavesOthersAlone() {
      StubVnode v = new StubVnode(bed);
      VmObject file = bed.file(v, SIZE);
      VmObject o = over(file, 0, SIZE);
      bed.put(file, 0, 1).clearDirty(VmPage.ALL_CHUNKS);
      collapse(o);
      assertThat(o.backing()).as("a file is no partner").isSameAs(file);
      o.deallocate();
      VmObject keyed = bed.objects.allocate(ObjectType.SWAP, SIZE * Bed.PAGE, "key", null, null);
      VmObject s = over(keyed, 0, SIZE);
      collapse(s);
      assertThat(s.backing()).as("nor is named memory").isSameAs(keyed);
      bed.doNotCheck(); // the stub keeps no table for it
    }

    /** A busy page without pip is in the hands of a copy, which will look for it where it was. */
    @Test
    void waits_whileSomebodyHoldsAPageOfTheBackingObject() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      VmPage m = bed.put(b, 0, 1);
      bed.locked(b, () -> m.setBusy(bed.self));
      collapse(o);
      assertThat(o.backing()).isSameAs(b);
      bed.locked(b, () -> bed.pages.wakeup(m));
      collapse(o);
      assertThat(o.backing()).isNull();
      end(o);
    }
  }

  @Nested
  class Bypass {
    @Test
    void goesRoundAnObject_thatIsHiddenWholly() {
      VmObject bottom = bed.object(2 * SIZE);
      VmObject b = over(bottom, 1, SIZE);
      b.reference(); // somebody else needs it
      bottom.reference();
      VmObject o = over(b, 2, 4);
      bed.put(b, 1, 101); // outside the window
      bed.put(b, 3, 103);
      bed.put(o, 1, 201);
      bed.put(bottom, 4, 4);
      bed.put(bottom, 3, 3);
      long[] before = contents(o);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before).containsExactly(3, 201, 0, 0);
      assertThat(o.backing()).isSameAs(bottom);
      assertThat(o.backingOffset()).isEqualTo(3 * Bed.PAGE);
      assertThat(b.refCount()).isEqualTo(1);
      assertThat(b.firstShadow()).isNull();
      assertThat(bed.domain.events(Event.BYPASSES.ordinal())).isEqualTo(1);
      ObjectAudit.checkReferences(bed.objects, List.of(o, b, bottom));
      end(o, b, bottom);
    }

    @Test
    void goesOn_downTheChain() {
      VmObject bottom = bed.object(SIZE);
      bottom.reference();
      VmObject b = over(bottom, 0, SIZE);
      b.reference();
      VmObject o = over(b, 0, SIZE);
      bed.put(b, 1, 101);
      bed.put(bottom, 2, 2);
      bed.put(o, 1, 201);
      bed.put(o, 2, 202);
      collapse(o);
      assertThat(o.backing()).as("round the second, too").isNull();
      assertThat(bed.domain.events(Event.BYPASSES.ordinal())).isEqualTo(2);
      end(o, b, bottom);
    }

    @Test
    void doesNot_ifAPageShowsThrough() {
      VmObject b = bed.object(SIZE);
      b.reference();
      VmObject o = over(b, 2, 4);
      bed.put(b, 5, 105); // the last page of the window
      collapse(o);
      assertThat(o.backing()).isSameAs(b);
      VmPage invalid = bed.put(o, 3, 203);
      bed.locked(o, () -> invalid.setValid(0));
      bed.locked(o, () -> invalid.clearDirty(VmPage.ALL_CHUNKS));
      collapse(o);
      assertThat(o.backing()).as("a page without contents hides nothing").isSameAs(b);
      bed.locked(o, () -> invalid.setValid(VmPage.ALL_CHUNKS));
      collapse(o);
      assertThat(o.backing()).isNull();
      end(o, b);
    }

    @Test
    void counts_whatTheShadowHasInSwap() {
      VmObject b = bed.object(SIZE);
      b.reference();
      VmObject o = over(b, 0, SIZE);
      bed.put(b, 5, 105);
      swapOut(o, 5, 205);
      collapse(o);
      assertThat(o.backing()).isNull();
      assertThat(bed.read(o, 5)).isEqualTo(205);
      end(o, b);
    }

    @Test
    void doesNot_ifTheBackingObjectWasPagedOut() {
      VmObject b = bed.object(SIZE);
      b.reference();
      VmObject o = over(b, 0, SIZE);
      swapOut(b, 5, 105);
      collapse(o);
      assertThat(o.backing()).isSameAs(b);
      end(o, b);
    }

    /** H-BYPASS-LE looks one page too far, where the shadow can have none: it keeps a link that nobody needs. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theHarmlessSwitch_onlyKeepsTheLink(boolean on) {
      bed.close();
      try (Bed other =
          Bed.builder()
              .frames(128)
              .defects(on ? EnumSet.of(Defect.H_BYPASS_LE) : EnumSet.noneOf(Defect.class))
              .build()) {
        VmObject b = other.object(SIZE);
        b.reference();
        VmObject o = other.objects.shadow(b, 0, 4 * Bed.PAGE);
        other.put(b, 4, 104); // the first page behind the window
        other.locked(o, o::collapse);
        assertThat(o.backing() == b).isEqualTo(on);
        o.deallocate();
        b.deallocate();
        for (int at : new int[] {0, 1}) { // before the window, and its first page
          VmObject c = other.object(SIZE);
          c.reference();
          VmObject s = other.objects.shadow(c, Bed.PAGE, 4 * Bed.PAGE);
          other.put(c, at, 100);
          other.locked(s, s::collapse);
          assertThat(s.backing() == c).as("with page %d", at).isEqualTo(at == 1);
          s.deallocate();
          c.deallocate();
        }
      }
      bed.strands.attach("test again");
      bed.doNotCheck();
    }
  }

  @Nested
  class WhilePaging {
    @Test
    void quietPagesMove_andAreDirtyThen() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 2, 4);
      VmPage moves = bed.put(b, 3, 103);
      bed.locked(b, () -> moves.clearDirty(VmPage.ALL_CHUNKS));
      swapOut(b, 3, 103);
      bed.put(b, 4, 104);
      bed.put(o, 2, 204);
      swapOut(b, 4, 104);
      bed.put(b, 0, 100); // out of the window
      swapOut(b, 0, 100);
      swapOut(b, 5, 105); // paged out altogether: stays
      long[] before = contents(o);
      pip(o, 1);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before).containsExactly(0, 103, 204, 105);
      assertThat(o.backing()).as("the link stays").isSameAs(b);
      assertThat(bed.page(o, 1)).isSameAs(moves);
      assertThat(moves.dirty()).as("its block is gone").isEqualTo(VmPage.ALL_CHUNKS);
      assertThat(b.residentPageCount()).isZero();
      assertThat(bed.swap.used).hasValue(1);
      pip(o, -1);
      collapse(o);
      assertThat(contents(o)).isEqualTo(before);
      assertThat(o.backing()).isNull();
      end(o);
    }

    @Test
    void pagesInUse_stay() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      VmPage busy = bed.put(b, 0, 1);
      VmPage inIo = bed.put(b, 1, 2);
      VmPage held = bed.put(b, 2, 3);
      VmPage wired = bed.put(b, 3, 4);
      VmPage cached = bed.putCached(b, 4, 5);
      VmPage partial = bed.put(b, 5, 6);
      VmPage quiet = bed.put(b, 6, 7);
      bed.locked(b, () -> busy.setBusy(bed.self));
      bed.locked(b, () -> inIo.addBusyCount(1, "an I/O"));
      bed.queues.addHold(held, 1);
      bed.mappings.mapWired(wired);
      bed.locked(b, () -> partial.setValid(1));
      pip(b, 1);
      collapse(o);
      assertThat(o.residentPageCount()).isEqualTo(1);
      assertThat(bed.page(o, 6)).isSameAs(quiet);
      assertThat(List.of(busy, inIo, held, wired, cached, partial)).allMatch(m -> m.object() == b);
      bed.locked(b, () -> bed.pages.wakeup(busy));
      bed.locked(b, () -> bed.pages.endIo(inIo, "an I/O"));
      bed.queues.addHold(held, -1);
      bed.locked(b, () -> partial.setValid(VmPage.ALL_CHUNKS));
      pip(b, -1);
      collapse(o);
      assertThat(contents(o)).containsExactly(1, 2, 3, 4, 5, 6, 7, 0);
      end(o);
    }

    @Test
    void nothingHappens_ifOthersNeedTheBackingObject() {
      VmObject b = bed.object(SIZE);
      b.reference();
      VmObject o = over(b, 0, SIZE);
      bed.put(b, 0, 1);
      pip(o, 1);
      collapse(o);
      assertThat(b.residentPageCount()).isEqualTo(1);
      pip(o, -1);
      end(o, b);
    }

    /**
     * R20: one fault copies up at one place and collapses; another holds a placeholder at a second place of the same
     * object, without its lock. The page below the placeholder is the only copy there is.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPlaceholder_hidesNothing(boolean busy) {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      VmPage only = bed.put(b, 3, 103);
      VmPage placeholder = bed.allocBusy(o, 3);
      pip(o, 1);
      if (!busy) { // un-busied without contents
        bed.locked(o, () -> bed.pages.wakeup(placeholder));
      }
      collapse(o);
      assertThat(only.object()).as("the only copy").isSameAs(b);
      assertThat(bed.word(only)).isEqualTo(103);
      bed.locked(
          o,
          () -> {
            if (busy) {
              bed.pages.freeBusy(placeholder);
            } else {
              bed.pages.free(placeholder);
            }
          });
      pip(o, -1);
      assertThat(bed.read(o, 3)).isEqualTo(103);
      end(o);
    }

    @Test
    void aBusyPageWithContents_isLeftForLater() {
      VmObject b = bed.object(SIZE);
      VmObject o = over(b, 0, SIZE);
      bed.put(b, 3, 103);
      VmPage copy = bed.put(o, 3, 203);
      bed.locked(o, () -> copy.setBusy(bed.self));
      pip(o, 1);
      collapse(o);
      assertThat(b.residentPageCount()).isEqualTo(1);
      bed.locked(o, () -> bed.pages.wakeup(copy));
      pip(o, -1);
      collapse(o);
      assertThat(bed.read(o, 3)).isEqualTo(203);
      end(o);
    }
  }

  /**
   * Random chains and trees with random windows, pages and swap blocks: whatever a collapse does, through every object
   * that somebody holds everything reads as before.
   */
  @Test
  void whatIsRead_isWhatWasRead() {
    int collapsed = 0;
    int bypassed = 0;
    for (int seed = 0; seed < 1_500; seed++) {
      Random random = new Random(seed);
      List<VmObject> held = new ArrayList<>();
      VmObject o = bed.object(SIZE);
      fill(o, random, 100);
      int depth = 2 + random.nextInt(4);
      for (int level = 1; level < depth; level++) {
        if (random.nextInt(3) == 0) { // a sibling, or a holder of this level
          o.reference();
          held.add(random.nextBoolean() ? o : window(o, random));
        }
        o = window(o, random);
        fill(o, random, 100L * (level + 1));
      }
      held.add(o);
      List<long[]> before = held.stream().map(this::contents).toList();
      List<VmObject> paging = new ArrayList<>();
      if (random.nextInt(3) == 0) {
        VmObject p = random.nextBoolean() || o.backing() == null ? o : o.backing();
        pip(p, 1);
        paging.add(p);
      }
      int objects = bed.objects.objectCount();
      long before1 = bed.domain.events(Event.BYPASSES.ordinal());
      collapse(o);
      collapsed += objects - bed.objects.objectCount();
      bypassed += (int) (bed.domain.events(Event.BYPASSES.ordinal()) - before1);
      for (int i = 0; i < held.size(); i++) {
        assertThat(contents(held.get(i))).as("seed %d, object %d of %s", seed, i, held).isEqualTo(before.get(i));
      }
      paging.forEach(p -> pip(p, -1));
      bed.check();
      ObjectAudit.checkReferences(bed.objects, held);
      for (int i = 0; i < held.size(); i++) { // and as the others end, one after another
        held.get(i).deallocate();
        for (int j = i + 1; j < held.size(); j++) {
          assertThat(contents(held.get(j))).as("seed %d, %d ended", seed, i).isEqualTo(before.get(j));
        }
      }
      end();
    }
    assertThat(collapsed).as("collapses seen").isGreaterThan(500);
    assertThat(bypassed).as("bypasses seen").isGreaterThan(50);
  }

  /** Returns a shadow of part of {@code o}; anonymous memory is never mapped beyond its object's end. */
  private VmObject window(VmObject o, Random random) {
    int size = (int) (o.size() / Bed.PAGE);
    int at = random.nextInt(Math.min(size, 3));
    return over(o, at, size - at - random.nextInt(Math.min(size - at, 3)));
  }

  private void fill(VmObject o, Random random, long base) {
    for (int i = 0; i < o.size() / Bed.PAGE; i++) {
      int kind = random.nextInt(6);
      if (kind == 0 || kind == 1) {
        bed.put(o, i, base + i);
      } else if (kind == 2 && base % 200 == 0) {
        swapOut(o, i, base + i);
      } else if (kind == 3 && base % 200 == 0) { // clean, with a block
        VmPage m = bed.put(o, i, base + i);
        bed.locked(o, () -> m.clearDirty(VmPage.ALL_CHUNKS));
        swapOut(o, i, base + i);
      }
    }
  }
}
