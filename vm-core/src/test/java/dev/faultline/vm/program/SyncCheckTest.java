package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Programs whose processes can never all end are refused; those that can, or may with luck, are not. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class SyncCheckTest {
  private static void assertRefused(String text, String message) {
    assertThatThrownBy(() -> VmProgram.of("vmprogram 1\n" + text).close())
        .isInstanceOf(ProgramException.class).hasMessage("program:" + message);
  }

  private static void assertAccepted(String text) throws Exception {
    try (VmProgram p = VmProgram.of("vmprogram 1\n" + text)) {
      assertThat(p.processes()).isNotEmpty();
    }
  }

  @Test
  void barrierThatTooFewComeTo_isRefused() {
    assertRefused("""
        barrier b 3
        process 1
        fork 2
        barrier b
        process 2
        barrier b
        """, "7: b: expected a multiple of 3 arrivals at this barrier, not 2; the last to come would wait for ever");
  }

  @Test
  void barrierThatOneProcessComesToTwice_isRefused() {
    assertRefused("""
        barrier b 2
        process 1
        barrier b
        barrier b
        """, "5: b: expected 2 different processes at this barrier each time; one comes 2 times, but it can open only 1 times");
  }

  @Test
  void barriersInOppositeOrder_areRefused() {
    assertRefused("""
        barrier a 2
        barrier b 2
        process 1
        fork 2
        barrier a
        barrier b
        process 2
        barrier b
        barrier a
        """, "6: a: expected 2 processes at this barrier, but only 1 can come, and would wait for ever");
  }

  @Test
  void waitForAChildThatNeedsTheParent_isRefused_forTheBarrier() {
    assertRefused("""
        barrier b 2
        process 1
        fork 2
        wait 2
        barrier b
        process 2
        barrier b
        """, "8: b: expected 2 processes at this barrier, but only 1 can come, and would wait for ever");
  }

  @Test
  void vforkWhoseChildNeedsTheParent_isRefused() {
    assertRefused("""
        barrier b 2
        process 1
        vfork 2
        barrier b
        process 2
        barrier b
        exec
        """, "7: b: expected 2 processes at this barrier, but only 1 can come, and would wait for ever");
  }

  @Test
  void vforkWhoseChildMeetsTheParentAfterExec_isAccepted() throws Exception {
    assertAccepted("""
        barrier b 2
        process 1
        vfork 2
        barrier b
        wait 2
        process 2
        exec
        barrier b
        """);
  }

  @Test
  void barrierUsedManyTimes_isAccepted() throws Exception {
    assertAccepted("barrier b 2\nprocess 1\nfork 2\n" + "barrier b\n".repeat(1000) + "process 2\n" + "barrier b\n".repeat(1000));
  }

  @Test
  void barrierForAnyTwoOfFour_isLeftToTheRun() throws Exception {
    assertAccepted("""
        barrier b 2
        process 1
        fork 2
        fork 3
        fork 4
        barrier b
        process 2
        barrier b
        process 3
        barrier b
        process 4
        barrier b
        """);
  }

  @Test
  void unusedBarrier_isAccepted() throws Exception {
    assertAccepted("barrier b 7\nprocess 1\n");
  }

  @Test
  void moreMeetingsThanAreLookedAt_areAccepted() throws Exception {
    assertAccepted("barrier b 2\nprocess 1\n" + "barrier b\n".repeat((1 << 20) + 1));
  }

  @Test
  void longChainOfForks_isChecked_inReasonableTime() throws Exception {
    StringBuilder text = new StringBuilder();
    for (int i = 1; i < 50_000; i++) {
      text.append("process ").append(i).append("\nfork ").append(i + 1).append("\nwait ").append(i + 1).append('\n');
    }
    assertAccepted(text + "process 50000\n");
  }
}
