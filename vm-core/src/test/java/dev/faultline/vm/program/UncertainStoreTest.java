package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A store through a mapping that may or may not reach the file does not tell the oracle that the file has a page there:
 * a private mapping may go on showing zeros. From a soak (seed 102, world 2499).
 */
@Timeout(60)
final class UncertainStoreTest {
  private static final String PROGRAM =
      """
      vmprogram 1
      file f 8192
      process 1
      mmap 0x10000000 8192 rw- shared file f 0
      minherit 0x10000000 8192 copy
      mmap 0x30000000 8192 rw- shared file f 0
      truncate f 0
      truncate f 8192
      fork 2
      wait 2
      mmap 0x20000000 8192 r-- private file f 0
      load 0x20001000
      store 0x30001008 5
      load 0x20001008
      process 2
      store 0x10001000 7
      exit
      """;

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void privateMappingOverAHole_showsZeros_thoughAnUncertainStoreWasMade(Mode mode) throws Exception {
    assertThat(new CheckedProgram().mode(mode).run(PROGRAM).list()).isEmpty();
  }
}
