package dev.faultline.vm.fault;

import static dev.faultline.vm.fault.DecisionTests.RW;
import static dev.faultline.vm.fault.DecisionTests.file;
import static dev.faultline.vm.fault.DecisionTests.hoard;
import static dev.faultline.vm.fault.DecisionTests.ok;
import static dev.faultline.vm.fault.DecisionTests.release;
import static dev.faultline.vm.fault.DecisionTests.resident;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.fault.StubPager.Window;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which pages a pagein brings along (4.7, D60 to D78): the window that the pager is given. */
@Timeout(60)
final class FaultReadAheadTest {
  private static final int PAGES = 20;

  /** What is in the way: resident pages, the edges of the object, what the pager has in one piece. */
  @ParameterizedTest
  @CsvSource({
      "10, -1, 9, 9,  7, 8, 3", // three behind, four ahead
      "10, -1, 2, 1,  8, 4, 2",
      "10, -1, 0, 0, 10, 1, 0",
      "10, -1, 0, 4, 10, 5, 0",
      "10, -1, 3, 0,  7, 4, 3",
      " 0, -1, 3, 4,  0, 5, 0",
      " 1, -1, 3, 4,  0, 6, 1",
      " 3, -1, 3, 4,  0, 8, 3",
      "17, -1, 3, 4, 14, 6, 3",
      "19, -1, 3, 4, 16, 4, 3",
      "10,  6, 3, 4,  7, 8, 3",
      "10,  7, 3, 4,  8, 7, 2",
      "10,  8, 3, 4,  9, 6, 1",
      "10,  9, 3, 4, 10, 5, 0",
      "10, 11, 3, 4,  7, 4, 3",
      "10, 12, 3, 4,  7, 5, 3",
      "10, 14, 3, 4,  7, 7, 3",
      "10, 15, 3, 4,  7, 8, 3"})
  void window(int page, int resident, int before, int after, int first, int count, int req) {
    try (World w = World.builder().build()) {
      StubPager pager = new StubPager(w);
      Space s = pager.space(PAGES);
      if (resident >= 0) {
        ok(s.read(16 + resident));
      }
      pager.before = before;
      pager.after = after;
      ok(s.read(16 + page));
      assertThat(pager.asked).isEqualTo(new Window(first, count, req));
      VmPage m = resident(w, s, 16, s.object(16), s.at(page));
      assertThat(m.isWhollyValid()).as("as the pager said so").isTrue();
    }
  }

  /**
   * Free and cached frames count together: seven beyond the reserve to begin with, and more than the window itself once
   * it is known. A resident neighbour makes the window smaller.
   */
  @ParameterizedTest
  @CsvSource({"6, 0, false, 1", "7, 0, false, 1", "8, 0, false, 1", "9, 0, false, 8", "6, 3, false, 8",
      "5, 3, false, 1", "7, 0, true, 5", "6, 0, true, 1"})
  void window_takesNoMemoryFromTheReserve(int spare, int cached, boolean neighbour, int count) {
    try (World w = World.builder().mode(Mode.UP).build()) {
      StubPager pager = new StubPager(w);
      Space s = pager.space(PAGES);
      if (neighbour) {
        ok(s.read(16 + 9));
      }
      Space f = w.space().mapFile(file(w, 3), 0, 16, 3);
      for (int i = 0; i < 3; i++) {
        ok(f.read(16 + i));
      }
      VmObject o = f.object(16);
      VmObject hoard = hoard(w, w.kernel().config().thresholds().freeReserved() + spare + 1); // one for the page itself
      w.inKernel(() -> {
        o.lock.lock();
        w.kernel().pages().queues().lock.lock();
        for (int i = 0; i < cached; i++) {
          assertThat(w.kernel().pages().cacheLocked(w.kernel().pages().lookup(o, i * (long) w.pageSize()))).isTrue();
        }
        w.kernel().pages().queues().lock.unlock();
        o.lock.unlock();
      });
      pager.before = 3;
      pager.after = 4;
      ok(s.read(16 + 10));
      assertThat(pager.asked).isNotNull();
      assertThat(pager.asked.count()).isEqualTo(count);
      release(w, hoard);
    }
  }

  /** What it got before an allocation fails is given back, or read if it reaches as far as the page itself. */
  @ParameterizedTest
  @CsvSource({"1, 1, 0", "2, 1, 0", "3, 1, 0", "4, 4, 3", "5, 5, 3", "7, 7, 3", "9, 8, 3"})
  void window_endsWhereAnAllocationFails(int failing, int count, int req) {
    AtomicInteger failAt = new AtomicInteger(-1);
    try (World w = World.builder().mode(Mode.UP).allocationFaults(
        (thread, c) -> failAt.get() >= 0 && failAt.getAndDecrement() == 0).build()) {
      StubPager pager = new StubPager(w);
      Space s = pager.space(2 * PAGES);
      w.inKernel(() -> { // by one thread: whose array of pages is full of old ones by then
        pager.before = 3;
        pager.after = 4;
        ok(s.faultHere(16 + 30, RW));
        failAt.set(failing);
        ok(s.faultHere(16 + 10, RW));
      });
      assertThat(pager.asked).isEqualTo(new Window(count == 1 ? 10 : 7, count, req));
      VmObject o = s.object(16);
      assertThat(w.<Integer>inKernel(o::residentPageCount)).as("nothing is left of the rest").isEqualTo(2);
      failAt.set(-1);
    }
  }
}
