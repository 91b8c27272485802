package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.sync.KThread;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Dropping a reference from an object whose one other reference is its shadow's: the shadow is collapsed over it,
 * upward, while faulters page in both (R18; vm-semantics 5.7 deallocate).
 */
@Timeout(60)
final class DeallocateFromBelowTest {
  private static final int SIZE = 4;

  private final Bed bed = Bed.of(64);
  private final VmObject o = bed.object(SIZE);
  private final VmObject left = shadow(o); // the child's
  private final VmObject r = shadow(o); // the parent's: what is to be collapsed over o

  private VmObject shadow(VmObject b) {
    return bed.objects.shadow(b, 0, SIZE * Bed.PAGE);
  }

  {
    o.reference(); // allocate gave one, and there are two shadows
    bed.put(o, 0, 10);
    bed.put(o, 1, 11);
    bed.put(r, 1, 21);
    bed.put(left, 2, 32);
  }

  @AfterEach
  void close() {
    assertThat(bed.objects.objectCount()).as("objects left").isZero();
    assertThat(bed.freeList.freeCount()).as("frames free").isEqualTo(64);
    bed.close();
  }

  private void pip(VmObject x, int n) {
    bed.locked(
        x,
        () -> {
          if (n > 0) {
            x.pipUp(n);
          } else {
            x.pipDown(-n);
          }
        });
  }

  private void collapsed() {
    assertThat(r.backing()).as("collapsed").isNull();
    assertThat(bed.read(r, 0)).isEqualTo(10);
    assertThat(bed.read(r, 1)).isEqualTo(21);
    ObjectAudit.checkReferences(bed.objects, List.of(r));
  }

  @Test
  void exitOfTheChild_letsTheParentHaveItsMemoryBack() {
    left.deallocate();
    collapsed();
    r.deallocate();
  }

  @Test
  void waits_whileSomebodyPagesInTheShadow() {
    pip(r, 1);
    Bed.Actor child = bed.startAsleep("child", r, left::deallocate);
    assertThat(child.thread()).isNotNull();
    assertThat(child.thread().sleepTag()).isEqualTo("objde1");
    assertThat(r.refCount()).as("pinned").isEqualTo(2);
    pip(r, -1);
    child.join();
    collapsed();
    r.deallocate();
  }

  @Test
  void waits_whileSomebodyPagesInTheObject() {
    pip(o, 1);
    Bed.Actor child = bed.startAsleep("child", o, left::deallocate);
    assertThat(child.thread()).isNotNull();
    assertThat(child.thread().sleepTag()).isEqualTo("objde2");
    pip(o, -1);
    child.join();
    collapsed();
    r.deallocate();
  }

  @Test
  void waits_forBoth_oneAfterTheOther() {
    pip(r, 1);
    pip(o, 1);
    Bed.Actor child = bed.startAsleep("child", r, left::deallocate);
    pip(r, -1);
    bed.until("waits for the object now", () -> child.sleepsOn(o));
    pip(r, 1);
    pip(o, -1);
    bed.until("and for the shadow again", () -> child.sleepsOn(r));
    pip(r, -1);
    child.join();
    collapsed();
    r.deallocate();
  }

  /** A faulter collapses the shadow itself as it leaves (F13): the object is gone when the sleeper comes back. */
  @Test
  void dropsOnlyThePin_whenTheShadowHasLeftTheObject() {
    pip(r, 1);
    Bed.Actor child = bed.startAsleep("child", r, left::deallocate);
    bed.locked(
        r,
        () -> {
          r.pipDown(1);
          r.collapse();
          assertThat(r.backing()).isNull();
        });
    child.join();
    collapsed();
    r.deallocate();
  }

  /** The shadow's owner exits meanwhile: the pin is its last reference, and dropping it ends both. */
  @Test
  void endsTheShadow_whenThePinWasItsLastReference() {
    pip(r, 1);
    Bed.Actor child = bed.startAsleep("child", r, left::deallocate);
    r.deallocate();
    assertThat(r.isDead()).isFalse();
    pip(r, -1);
    child.join();
  }

  /** The object ends while it is waited for: only its lock was asked for, and it is compared, not touched. */
  @Test
  void copesWithTheObjectsEnd_whileItWaitsForIt() {
    VmObject top = shadow(r); // r's one reference is now top's
    pip(o, 1);
    Bed.Actor child = bed.startAsleep("child", o, left::deallocate);
    bed.locked(
        o,
        () -> {
          o.pipDown(1); // wakes the sleeper, which cannot have the lock yet
          assertThat(o.pip()).isZero();
        });
    top.deallocate(); // ends r but for the pin, or after it
    child.join();
  }

  /** Upward the lock is only tried: the holder of the shadow's lock wants the object's. */
  @Test
  void startsOver_asLongAsTheShadowIsLocked() {
    AtomicBoolean held = new AtomicBoolean();
    AtomicBoolean go = new AtomicBoolean();
    Bed.Actor faulter =
        bed.start(
            "faulter",
            () -> {
              r.lock.lock();
              held.set(true);
              for (int n = 0; !go.get(); n++) {
                KThread.current().strand().pause(n);
              }
              o.lock.lock(); // downward, waiting: deadlock if deallocate kept O(o) and waited for O(r)
              o.lock.unlock();
              r.lock.unlock();
            });
    bed.until("shadow locked", held::get);
    Bed.Actor child = bed.start("child", left::deallocate);
    bed.until("the child's reference is dropped and taken back", () -> left.isDead() && bed.objects.objectCount() == 2);
    assertThat(child.isDone()).isFalse();
    go.set(true);
    faulter.join();
    child.join();
    collapsed();
    r.deallocate();
  }

  @Test
  void doesNothingUpward_whenMoreThanOneReferenceIsLeft() {
    VmObject third = shadow(o);
    o.reference();
    left.deallocate();
    assertThat(r.backing()).isSameAs(o);
    third.deallocate();
    collapsed();
    r.deallocate();
  }

  @Test
  void leavesBusyPagesOfFaultersAlone() {
    pip(r, 1);
    VmPage placeholder = bed.allocBusy(r, 3);
    Bed.Actor child = bed.startAsleep("child", r, left::deallocate);
    bed.locked(
        r,
        () -> {
          bed.pages.zeroFill(placeholder);
          placeholder.setValid(VmPage.ALL_CHUNKS);
          bed.queues.activate(placeholder);
          bed.pages.wakeup(placeholder);
          r.pipDown(1);
        });
    child.join();
    collapsed();
    assertThat(bed.page(r, 3)).isSameAs(placeholder);
    r.deallocate();
  }
}
