package dev.faultline.vm.pager;

import static dev.faultline.vm.pager.PagerWorld.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** The places of files on the disk. */
final class VolumeTest {
  @Test
  void create_leavesTheRoomThatHolesWerePromised() {
    try (PagerWorld w = PagerWorld.builder().filePages(8).build()) {
      Vnode holes = w.volume.create("holes", 0, 0);
      holes.lock();
      assertThat(w.vnodes.reserve(holes, 0, 3L * PAGE)).isTrue();
      holes.unlock();
      assertThatThrownBy(() -> w.volume.create("large", 6L * PAGE, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has room for " + 5 * PAGE + " more");
      w.volume.checkInvariants();
      w.volume.create("fits", 5L * PAGE, 1);
      w.volume.checkInvariants();
      holes.lock();
      assertThat(w.vnodes.reserve(holes, 3L * PAGE, 4L * PAGE)).as("nothing is left").isFalse();
      holes.unlock();
    }
  }
}
