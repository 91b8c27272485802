package dev.faultline.hw.strand;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class WatchedTimeTest {
  @Test
  void timeThatNobodyWatched_doesNotCount() {
    WatchedTime t = new WatchedTime(100);
    assertThat(t.at(Long.MAX_VALUE - 50)).isZero();
    assertThat(t.at(Long.MAX_VALUE)).isEqualTo(50);
    assertThat(t.at(Long.MIN_VALUE + 49)).as("the origin is arbitrary").isEqualTo(100);
    assertThat(t.at(Long.MIN_VALUE + 1_000_000)).isEqualTo(200);
    assertThat(t.at(Long.MIN_VALUE)).as("never back").isEqualTo(200);
  }
}
