package dev.faultline.vm.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.VmObject;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Moves between the queues, wirings and their gauges (vm-semantics 3.2; I-1, I-2, I-6 to I-8). */
@Timeout(60)
final class VmPageQueuesTest {
  private final Bed bed = Bed.of(64);
  private final VmObject o = bed.object(64);
  private final VmPageQueues q = bed.queues;

  @AfterEach
  void close() {
    bed.close();
  }

  private void gauges(int active, int inactive, int cached, int wired) {
    PageAudit.check(bed.pages);
    assertThat(q.lengths()).as("active, inactive, cached").containsExactly(active, inactive, cached);
    assertThat(q.wireCount()).as("wired").isEqualTo(wired);
  }

  private void wire(VmPage m) {
    q.lock.lock();
    q.wireLocked(m);
    q.lock.unlock();
  }

  private void unwire(VmPage m) {
    q.lock.lock();
    try {
      q.unwireLocked(m);
    } finally {
      q.lock.unlock();
    }
  }

  /** Puts a page where a test wants it to start from. */
  private VmPage page(int i, int queue) {
    VmPage m = queue == VmPage.QUEUE_CACHE ? bed.putCached(o, i, i) : bed.put(o, i, i);
    if (queue == VmPage.QUEUE_INACTIVE) {
      q.deactivate(m);
    } else if (queue == VmPage.QUEUE_NONE) {
      q.unqueue(m);
    }
    assertThat(m.queue()).isEqualTo(queue);
    return m;
  }

  @ParameterizedTest
  @ValueSource(ints = {VmPage.QUEUE_NONE, VmPage.QUEUE_CACHE, VmPage.QUEUE_INACTIVE, VmPage.QUEUE_ACTIVE})
  void activate_putsThePageOnTheActiveTail_fromAnyQueue(int from) {
    VmPage other = page(0, VmPage.QUEUE_ACTIVE);
    VmPage m = page(1, from);
    q.activate(m);
    gauges(2, 0, 0, 0);
    q.lock.lock();
    assertThat(q.activeHeadLocked()).isSameAs(other);
    q.lock.unlock();
    assertThat(m.isActive()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {VmPage.QUEUE_NONE, VmPage.QUEUE_CACHE, VmPage.QUEUE_INACTIVE, VmPage.QUEUE_ACTIVE})
  void deactivate_putsThePageOnTheInactiveTail_fromAnyQueue(int from) {
    VmPage other = page(0, VmPage.QUEUE_INACTIVE);
    VmPage m = page(1, from);
    q.deactivate(m);
    gauges(0, 2, 0, 0);
    q.lock.lock();
    assertThat(q.inactiveHeadLocked()).isSameAs(other);
    q.lock.unlock();
    assertThat(m.actCount()).isZero();
  }

  @Test
  void activate_countsUp_toTheLimit() {
    VmPage m = page(0, VmPage.QUEUE_INACTIVE);
    q.activate(m);
    assertThat(m.actCount()).as("a newcomer's age").isEqualTo(5);
    q.activate(m);
    assertThat(m.actCount()).as("active already: untouched").isEqualTo(5);
    q.unqueue(m);
    q.activate(m);
    assertThat(m.actCount()).isEqualTo(6);
    m.setActCount(100);
    q.unqueue(m);
    q.activate(m);
    assertThat(m.actCount()).isEqualTo(100);
  }

  @Test
  void deactivate_leavesWiredAndHeldPagesAlone() {
    VmPage wired = page(0, VmPage.QUEUE_ACTIVE);
    wire(wired);
    q.deactivate(wired);
    assertThat(wired.queue()).isEqualTo(VmPage.QUEUE_NONE);
    VmPage held = page(1, VmPage.QUEUE_ACTIVE);
    q.addHold(held, 1);
    q.deactivate(held);
    assertThat(held.isActive()).isTrue();
    q.addHold(held, -1);
    q.deactivate(held);
    assertThat(held.isInactive()).isTrue();
    gauges(0, 1, 0, 1);
    unwire(wired);
  }

  @ParameterizedTest
  @ValueSource(ints = {VmPage.QUEUE_NONE, VmPage.QUEUE_CACHE, VmPage.QUEUE_INACTIVE, VmPage.QUEUE_ACTIVE})
  void wire_takesThePageOffItsQueue_andTheLastUnwireActivatesIt(int from) {
    VmPage m = page(0, from);
    wire(m);
    gauges(0, 0, 0, 1);
    wire(m);
    assertThat(m.wireCount()).isEqualTo(2);
    gauges(0, 0, 0, 1);
    q.activate(m);
    gauges(0, 0, 0, 1); // a wired page ends on no queue
    unwire(m);
    gauges(0, 0, 0, 1);
    unwire(m);
    gauges(1, 0, 0, 0);
    assertThat(m.actCount()).isGreaterThanOrEqualTo(5);
  }

  /** H-UNWIRE0 queued the page twice and let the gauge wrap. */
  @Test
  void unwire_panics_ifThePageIsNotWired() {
    VmPage m = page(0, VmPage.QUEUE_ACTIVE);
    assertThatThrownBy(() -> unwire(m)).isInstanceOf(KernelPanic.class).hasMessageContaining("wire");
    gauges(1, 0, 0, 0);
  }

  @Test
  void dropWiring_leavesThePageOnNoQueue() {
    VmPage m = page(0, VmPage.QUEUE_ACTIVE);
    wire(m);
    q.lock.lock();
    q.dropWiringLocked(m);
    assertThatThrownBy(() -> q.dropWiringLocked(m)).isInstanceOf(KernelPanic.class);
    q.lock.unlock();
    assertThat(m.queue()).isEqualTo(VmPage.QUEUE_NONE);
    gauges(0, 0, 0, 0);
  }

  @Test
  void requeue_rotatesWithinTheQueue() {
    VmPage a = page(0, VmPage.QUEUE_INACTIVE);
    VmPage b = page(1, VmPage.QUEUE_INACTIVE);
    VmPage c = page(2, VmPage.QUEUE_ACTIVE);
    VmPage d = page(3, VmPage.QUEUE_ACTIVE);
    q.lock.lock();
    q.requeueLocked(a);
    assertThat(q.inactiveHeadLocked()).isSameAs(b);
    q.requeueLocked(c);
    assertThat(q.activeHeadLocked()).isSameAs(d);
    q.lock.unlock();
    gauges(2, 2, 0, 0);
  }

  /** Threads move the same pages about: queues and gauges must agree afterwards, and nothing panics on the way. */
  @Test
  void queuesAndGauges_agree_afterManyMovesOnRealThreads() {
    int n = 16;
    VmPage[] pages = new VmPage[n];
    for (int i = 0; i < n; i++) {
      pages[i] = page(i, VmPage.QUEUE_ACTIVE);
    }
    for (int t = 0; t < 3; t++) {
      int seed = t;
      bed.start(
          "mover" + t,
          () -> {
            Random random = new Random(seed);
            for (int step = 0; step < 20_000; step++) {
              VmPage m = pages[random.nextInt(n)];
              switch (random.nextInt(6)) {
                case 0 -> q.activate(m);
                case 1 -> q.deactivate(m);
                case 2 -> q.unqueue(m);
                case 3 -> {
                  wire(m);
                  unwire(m);
                }
                case 4 -> {
                  o.lock.lock();
                  q.lock.lock();
                  m.clearDirty(VmPage.ALL_CHUNKS);
                  bed.pages.cacheLocked(m);
                  q.lock.unlock();
                  o.lock.unlock();
                }
                default -> {
                  q.lock.lock();
                  VmPage head = random.nextBoolean() ? q.activeHeadLocked() : q.inactiveHeadLocked();
                  if (head != null) {
                    q.requeueLocked(head);
                  }
                  q.lock.unlock();
                }
              }
            }
          });
    }
  }
}
