package dev.faultline.vm.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The witness finds a wrong order from one run of the path (vm-semantics 5.1, I-56). */
@Timeout(30)
final class WitnessTest {
  private final Bed bed = Bed.of(8);

  private KMutex mutex(LockRank rank) {
    return new KMutex(bed.domain, rank, rank.name().toLowerCase(java.util.Locale.ROOT));
  }

  @AfterEach
  void close() {
    bed.close();
  }

  @Test
  void ranks_riseWithTheTable() {
    int before = 0;
    for (LockRank r : LockRank.values()) {
      assertThat(r.level()).as(r.name()).isGreaterThan(before);
      before = r.level();
    }
  }

  @Test
  void lock_isAllowed_inRisingOrder() {
    List<KMutex> taken = new ArrayList<>();
    for (LockRank r : LockRank.values()) {
      KMutex m = mutex(r);
      m.lock();
      taken.add(m);
    }
    for (KMutex m : taken) { // let go in any order
      m.unlock();
    }
  }

  @ParameterizedTest
  @EnumSource
  void lock_isRefused_atAnyLowerRank(LockRank held) {
    KMutex high = mutex(held);
    high.lock();
    for (LockRank r : LockRank.values()) {
      KMutex low = mutex(r);
      if (r.level() <= held.level()) {
        assertThatThrownBy(low::lock)
            .isInstanceOf(KernelPanic.class)
            .hasMessageContaining("lock order")
            .hasMessageContaining(high.toString())
            .hasMessageContaining(low.toString());
        assertThat(low.isHeld()).as("refused before it is taken").isFalse();
      } else {
        low.lock();
        low.unlock();
      }
    }
    high.unlock();
  }

  @Test
  void tryLock_isExempt_butCountsFromThenOn() {
    KMutex q = mutex(LockRank.PAGE_QUEUES);
    KMutex o = mutex(LockRank.OBJECT);
    KMutex list = mutex(LockRank.OBJECT_LIST);
    o.lock();
    q.lock();
    assertThat(mutex(LockRank.OBJECT).tryLock()).isTrue(); // left held: no waiting for it was possible
    q.unlock();
    o.unlock();
    assertThatThrownBy(() -> mutex(LockRank.OBJECT).lock()).isInstanceOf(KernelPanic.class);
    assertThatCode(
            () -> {
              list.lock();
              list.unlock();
            })
        .doesNotThrowAnyException();
    Witness w = bed.domain.witness();
    assertThat(w).isNotNull();
    assertThatThrownBy(() -> w.nothingHeld(bed.self)).hasMessageContaining("leaves the kernel");
    bed.self.heldCount = 0;
  }

  @Test
  void objects_areLockedDownwardOnly() {
    VmObject bottom = bed.object(4);
    VmObject middle = bed.objects.shadow(bottom, 0, 4 * Bed.PAGE);
    bed.put(bottom, 0, 1);
    VmObject top = bed.objects.shadow(middle, 0, 4 * Bed.PAGE);
    top.lock.lock();
    middle.lock.lock();
    bottom.lock.lock();
    bottom.lock.unlock();
    middle.lock.unlock();
    bottom.lock.lock(); // a level may be left out
    assertThatThrownBy(middle.lock::lock).isInstanceOf(KernelPanic.class).hasMessageContaining("lock order");
    assertThat(middle.lock.tryLock()).as("upward by try").isTrue();
    middle.lock.unlock();
    bottom.lock.unlock();
    top.lock.unlock();
    top.deallocate();
  }

  @Test
  void unrelatedObjects_areLockedByTryOnly() {
    VmObject a = bed.object(4);
    VmObject b = bed.object(4);
    bed.put(b, 0, 1); // published: somebody may know it
    a.lock.lock();
    assertThatThrownBy(b.lock::lock).isInstanceOf(KernelPanic.class);
    a.lock.unlock();
    a.deallocate();
    b.deallocate();
  }

  @Test
  void aNewObject_mayBeLockedAtAnyTime() {
    VmObject a = bed.object(4);
    bed.locked(
        a,
        () -> {
          VmObject fresh = bed.object(1);
          fresh.lock.lock();
          fresh.lock.unlock();
        });
    bed.doNotCheck(); // the fresh one is left
  }

  @Test
  void sleepOn_isRefused_withAnotherMutexHeld() {
    KMutex o = mutex(LockRank.OBJECT);
    KMutex f = mutex(LockRank.FREE);
    o.lock();
    f.lock();
    assertThatThrownBy(() -> bed.domain.sleepQueues().sleepOn(bed.freeList.freeChannel, f, "test"))
        .isInstanceOf(KernelPanic.class)
        .hasMessageContaining("sleeps")
        .hasMessageContaining("OBJECT(object)");
    f.unlock();
    o.unlock();
  }

  @Test
  void sleepOn_isRefused_withItsInterlockNotHeld() {
    KMutex f = mutex(LockRank.FREE);
    assertThatThrownBy(() -> bed.domain.sleepQueues().sleepOn(bed.freeList.freeChannel, f, "test"))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void unlock_isRefused_ifTheThreadDoesNotHoldTheMutex() {
    KMutex o = mutex(LockRank.OBJECT);
    assertThatThrownBy(o::unlock).isInstanceOf(KernelPanic.class).hasMessageContaining("does not hold");
  }

  @Test
  void sleepableLocks_areNotWaitedFor_withAMutexHeld() {
    MapLock map = new MapLock(bed.domain, "map", 1);
    SleepLock vnode = new SleepLock(bed.domain, "vnode", 2);
    KMutex o = mutex(LockRank.OBJECT);
    o.lock();
    assertThatThrownBy(map::lockRead).isInstanceOf(KernelPanic.class);
    assertThatThrownBy(map::lockWrite).isInstanceOf(KernelPanic.class);
    assertThatThrownBy(vnode::lock).isInstanceOf(KernelPanic.class);
    assertThat(map.tryLockRead()).as("tries are exempt").isTrue();
    assertThatThrownBy(map::upgrade).isInstanceOf(KernelPanic.class);
    assertThat(vnode.tryLock()).isTrue();
    o.unlock();
    vnode.unlock();
    map.unlock();
  }

  @Test
  void aMap_isNotWaitedFor_withAVnodeHeld() {
    MapLock map = new MapLock(bed.domain, "map", 1);
    SleepLock vnode = new SleepLock(bed.domain, "vnode", 2);
    vnode.lock();
    vnode.lock();
    vnode.unlock();
    assertThatThrownBy(map::lockRead).isInstanceOf(KernelPanic.class).hasMessageContaining("vnode");
    assertThat(map.tryLockRead()).isTrue();
    vnode.unlock();
    map.unlock();
    map.lockRead();
    vnode.lock();
    vnode.unlock();
    map.unlock();
  }

  /** What a map lock guards, in a test: may follow what comes before it in the alphabet. */
  private record Place(String name) implements SubOrdered {
    @Override
    public boolean mayFollow(Object held) {
      return name.compareTo(((Place) held).name) > 0;
    }
  }

  private MapLock map(String name) {
    return new MapLock(bed.domain, new Place(name), name.charAt(0));
  }

  private static void assertRefused(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call).isInstanceOf(KernelPanic.class).hasMessageContaining("lock order");
  }

  @Test
  void aMap_isWaitedFor_inTheSubOrderOnly() {
    MapLock a = map("a");
    MapLock b = map("b");
    a.lockRead();
    b.lockWrite();
    b.unlock();
    b.lockRead();
    a.unlock();
    assertRefused(a::lockRead);
    assertRefused(a::lockWrite);
    assertThat(a.isIdle()).as("refused before it is taken").isTrue();
    assertThat(a.tryLockRead()).as("tries are exempt").isTrue();
    assertRefused(a::upgrade);
    a.unlock();
    b.unlock();
    a.lockWrite();
    a.unlock();
  }

  @Test
  void aMapOfNoOrder_isNotWaitedFor_withAnotherHeld() {
    MapLock a = new MapLock(bed.domain, "a map", 1);
    MapLock b = new MapLock(bed.domain, "another", 2);
    a.lockRead();
    assertRefused(b::lockRead);
    a.unlock();
  }

  @Test
  void aMapThatIsHeld_isWaitedForAgain_byItsRecursiveOwnerOnly() {
    MapLock a = map("a");
    a.lockRead();
    assertRefused(a::lockRead); // R30: a writer may be queued in between
    assertThat(a.upgrade()).isFalse();
    a.downgrade();
    a.unlock();
    a.lockWrite();
    assertRefused(a::lockWrite);
    a.setRecursive();
    a.downgrade();
    a.lockRead();
    a.unlock();
    a.clearRecursive();
    a.unlock();
  }

  @Test
  void end_isRefused_withAMutexHeld() {
    KMutex o = mutex(LockRank.OBJECT);
    o.lock();
    assertThatThrownBy(bed.self::end).isInstanceOf(KernelPanic.class).hasMessageContaining("leaves the kernel");
    o.unlock();
  }
}
