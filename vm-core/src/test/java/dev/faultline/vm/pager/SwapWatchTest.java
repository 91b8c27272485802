package dev.faultline.vm.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.KernelPanic;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A page of swap that is freed is overwritten, and is not freed, read or written twice under a transfer (I-52). */
final class SwapWatchTest {
  private static final long PATTERN = 0xdead;

  private final ThreadStrands strands = new ThreadStrands();
  private final Machine machine =
      new Machine(MachineConfig.builder().frames(4).pageSize(64).diskBlocks(8 * 16).build(), strands);
  private final SwapMap map = new SwapMap(16);
  private final SwapWatch watch = new SwapWatch(machine.disk(), 16, 8, PATTERN);

  @BeforeEach
  void attach() {
    strands.attach("test");
  }

  @AfterEach
  void close() {
    machine.close();
    strands.detach();
  }

  @Test
  void whatIsFreed_isOverwritten() {
    int page = map.takeOne();
    machine.disk().poke(page * 8L, new long[] {1, 2, 3, 4, 5, 6, 7, 8});
    watch.freed(page);
    long[] words = new long[8];
    machine.disk().peek(page * 8L, words);
    assertThat(words).containsOnly(PATTERN);
  }

  @Test
  void aFreePage_isNotRead_norWritten() {
    assertThatThrownBy(() -> watch.begins(map, 3, 1, false)).isInstanceOf(KernelPanic.class)
        .hasMessageStartingWith("I-52 read of a free page");
    assertThatThrownBy(() -> watch.begins(map, 3, 1, true)).hasMessageStartingWith("I-52 write to a free page");
  }

  @Test
  void aPageUnderATransfer_isNotFreed_norWritten() {
    int page = map.takeOne();
    watch.begins(map, page, 1, false);
    assertThatThrownBy(() -> watch.freed(page)).hasMessageStartingWith("I-52 page of swap freed while");
    assertThatThrownBy(() -> watch.begins(map, page, 1, true)).hasMessageStartingWith("I-52 write to a page of swap");
    watch.ends(page, 1);
    watch.begins(map, page, 1, true);
    watch.ends(page, 1);
    watch.freed(page);
  }
}
