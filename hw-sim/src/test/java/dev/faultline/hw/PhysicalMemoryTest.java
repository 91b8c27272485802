package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames of real bytes. */
final class PhysicalMemoryTest {
  private static PhysicalMemory memory(int frames, int pageSize) {
    return new PhysicalMemory(MachineConfig.builder().frames(frames).pageSize(pageSize).build());
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 4096, 65536})
  void frames_areApart(int pageSize) {
    PhysicalMemory m = memory(5, pageSize);
    assertThat(m.wordsPerPage()).isEqualTo(pageSize / 8);
    assertThat(1 << m.pageShift()).isEqualTo(pageSize).isEqualTo(m.pageSize());
    for (int f = 0; f < 5; f++) {
      for (int w = 0; w < m.wordsPerPage(); w++) {
        m.store(f, w, f * 1_000_000L + w + 1);
      }
    }
    m.copy(1, 3);
    m.zero(2);
    m.poison(4, 77);
    for (int w = 0; w < m.wordsPerPage(); w++) {
      assertThat(m.load(0, w)).isEqualTo(w + 1);
      assertThat(m.load(1, w)).isEqualTo(1_000_000L + w + 1);
      assertThat(m.load(2, w)).isZero();
      assertThat(m.load(3, w)).isEqualTo(1_000_000L + w + 1);
      assertThat(m.load(4, w)).isEqualTo(77);
    }
    assertThat(m.isZero(2)).isTrue();
    m.store(2, m.wordsPerPage() - 1, 1L << 63);
    assertThat(m.isZero(2)).isFalse();
    assertThat(m.getAndAdd(0, 1, 10)).isEqualTo(2);
    assertThat(m.load(0, 1)).isEqualTo(12);
  }

  @Test
  void zeroBytes_zeroesExactlyThose() {
    PhysicalMemory m = memory(3, 64);
    for (int from = 0; from <= 64; from++) {
      for (int to = from; to <= 64; to++) {
        m.poison(0, -1);
        m.poison(1, -1);
        m.poison(2, -1);
        m.zeroBytes(1, from, to);
        for (int b = 0; b < 64; b++) {
          long value = m.load(1, b / 8) >>> (8 * (b % 8)) & 0xff;
          assertThat(value).isEqualTo(b >= from && b < to ? 0 : 0xff);
        }
        assertThat(m.load(0, 7) & m.load(2, 0)).isEqualTo(-1);
      }
    }
    assertThatThrownBy(() -> m.zeroBytes(1, 0, 65)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> m.zeroBytes(1, 9, 8)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void chunks_areEighths() {
    PhysicalMemory m = memory(2, 4096);
    for (int w = 0; w < 512; w++) {
      m.store(1, w, w);
    }
    long[] chunk = new long[70];
    m.copyChunkOut(1, 3, chunk, 5);
    assertThat(chunk[4]).isZero();
    assertThat(chunk[5]).isEqualTo(192);
    assertThat(chunk[68]).isEqualTo(255);
    assertThat(chunk[69]).isZero();
    m.copyChunkIn(1, 7, chunk, 5);
    assertThat(m.load(1, 447)).isEqualTo(447);
    assertThat(m.load(1, 448)).isEqualTo(192);
    assertThat(m.load(1, 511)).isEqualTo(255);
  }

  @Test
  void aMillionFrames_costNoMoreThanTheirWords() {
    PhysicalMemory m = memory(1 << 20, 64);
    m.store((1 << 20) - 1, 7, 5);
    assertThat(m.load((1 << 20) - 1, 7)).isEqualTo(5);
    assertThat(m.words).hasSize(8 << 20);
  }
}
