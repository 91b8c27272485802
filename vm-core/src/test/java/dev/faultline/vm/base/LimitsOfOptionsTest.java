package dev.faultline.vm.base;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** Options that no kernel can have are refused before one boots. */
class LimitsOfOptionsTest {
  private static Thresholds thresholds(int interrupt, int pageout, int reserved, int min, int target) {
    return new Thresholds(interrupt, pageout, reserved, min, target, 0, 0, 4, 4);
  }

  @Test
  void thresholds_mustRise() {
    assertThatCode(() -> thresholds(0, 0, 1, 2, 3).check(4)).doesNotThrowAnyException();
    Thresholds[] wrong = {
        thresholds(-1, 0, 1, 2, 3), thresholds(1, 0, 1, 2, 3), thresholds(0, 1, 1, 2, 3), thresholds(0, 0, 2, 2, 3),
        thresholds(0, 0, 1, 3, 3), thresholds(0, 0, 1, 2, 4)
    };
    for (Thresholds t : wrong) {
      assertThatThrownBy(() -> t.check(4)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("they must rise");
    }
  }

  @Test
  void daemons_haveNoNegativeTimes_andUAreasOfTwoPagesAtMost() {
    DaemonOptions d = DaemonOptions.DEFAULT;
    assertThatThrownBy(() -> d.withUPages(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> d.withUPages(3)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> d.withSwapSleepTicks(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> d.withSyncTicks(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
