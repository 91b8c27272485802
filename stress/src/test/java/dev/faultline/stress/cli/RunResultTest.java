package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.detect.Finding;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class RunResultTest {
  private static final Finding FINDING = Finding.of(Finding.Kind.HANG, "I-58", 1);

  private static RunResult result(List<Finding> findings, boolean interrupted, @Nullable Throwable death) {
    return new RunResult(1, findings, List.of(), death, interrupted, new RunStatistics(1, 1, List.of()));
  }

  @Test
  void word_saysTheWorst() {
    assertThat(result(List.of(), false, null).word()).isEqualTo("ended");
    assertThat(result(List.of(), true, null).word()).isEqualTo("interrupted");
    assertThat(result(List.of(FINDING), true, null).word()).isEqualTo("finding");
    assertThat(result(List.of(FINDING), false, new AssertionError("kernel")).word()).isEqualTo("finding");
  }

  @Test
  void whatTheHostLacks_isNoFinding() {
    RunResult heap = result(List.of(), true, new OutOfMemoryError("Java heap space"));
    assertThat(heap.word()).isEqualTo("host_limit");
    assertThat(heap.hostLimit()).contains("the Java heap of", "FAULTLINE_JAVA_OPTS");
    RunResult threads = result(List.of(), false, new OutOfMemoryError("unable to create native thread: possibly"));
    assertThat(threads.word()).isEqualTo("host_limit");
    assertThat(threads.hostLimit()).contains("no more threads");
    assertThat(result(List.of(), false, new AssertionError("kernel")).hostLimit()).isNull();
  }
}
