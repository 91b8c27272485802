package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** T(cpu), the one word: who excludes whom, and what a load that takes nothing notices. */
@Timeout(60)
final class TlbLockTest {
  private static final class Word extends TlbLock {
    long guarded; // by T: lost updates show
    long strangers;
  }

  private final Word t = new Word();

  @Test
  void aLoad_noticesAStranger_butNotItsOwnStrand() {
    long seen = t.read();
    assertThat(TlbLock.free(seen)).isTrue();
    assertThat(t.unchanged(seen)).isTrue();
    long word = t.takeOwn();
    assertThat(TlbLock.free(t.read())).isFalse();
    t.giveOwn(word);
    assertThat(t.unchanged(seen)).isTrue();
    word = t.takeStranger();
    assertThat(t.unchanged(seen)).isFalse();
    assertThat(TlbLock.free(t.read())).isFalse();
    t.giveStranger(word);
    assertThat(t.unchanged(seen)).isFalse();
    assertThat(TlbLock.free(t.read())).isTrue();
    assertThat(t.unchanged(t.read())).isTrue();
  }

  @Test
  void ownStrandAndTwoStrangers_excludeEachOther_andEachStrangerIsCounted() {
    int rounds = 300_000;
    long before = t.read();
    try (HwWorld w = HwWorld.plain()) {
      w.actor(
          "own",
          () -> {
            for (int i = 0; i < rounds; i++) {
              long word = t.takeOwn();
              t.guarded++;
              t.giveOwn(word);
            }
          });
      for (int s = 0; s < 2; s++) {
        w.actor(
            "stranger",
            () -> {
              for (int i = 0; i < rounds; i++) {
                long word = t.takeStranger();
                t.guarded++;
                t.strangers++;
                t.giveStranger(word);
              }
            });
      }
      w.join();
    }
    assertThat(t.guarded).isEqualTo(3L * rounds);
    assertThat(t.strangers).isEqualTo(2L * rounds);
    assertThat((t.read() - before) / 4).as("generations").isEqualTo(2L * rounds);
  }
}
