package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Machines that cannot be are refused in one line that says what would be right. */
final class MachineConfigTest {
  private static Arguments bad(String message, UnaryOperator<MachineConfig.Builder> change) {
    return Arguments.of(message, change);
  }

  static Stream<Arguments> impossible() {
    return Stream.of(
        bad("cpus 0: must be 1 to 64", b -> b.cpus(0)),
        bad("cpus 65: must be 1 to 64", b -> b.cpus(65)),
        bad("page size 32: must be a power of two, 64 to 65536", b -> b.pageSize(32)),
        bad("page size 4095: must be a power of two, 64 to 65536", b -> b.pageSize(4095)),
        bad("page size 131072: must be a power of two, 64 to 65536", b -> b.pageSize(131072)),
        bad("frames 0: must be 1 or more", b -> b.frames(0)),
        bad(
            "frames 4194304: must be at most 4194303 with pages of 4096 bytes",
            b -> b.frames(4194304)),
        bad("TLB entries 0: must be a power of two, 1 to 65536", b -> b.tlbEntries(0)),
        bad("TLB entries 48: must be a power of two, 1 to 65536", b -> b.tlbEntries(48)),
        bad("disk blocks -1: must be 0 to 8589934592", b -> b.diskBlocks(-1)),
        bad("tick 0: must be 1 or more nanoseconds", b -> b.tickNanos(0)),
        bad(
            "disk file /no/such/place: must be in a directory that exists",
            b -> b.diskFile(Path.of("/no/such/place"))));
  }

  @ParameterizedTest
  @MethodSource("impossible")
  void impossibleMachine_isRefused_inOneLine(String message, UnaryOperator<MachineConfig.Builder> change) {
    MachineConfig.Builder b = change.apply(MachineConfig.builder());
    assertThatThrownBy(b::build).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  @Test
  void largestMachine_isAllowed() {
    MachineConfig c = MachineConfig.builder().cpus(64).frames(4194303).tlbEntries(65536).diskBlocks(1L << 33).build();
    assertThat(c.pageShift()).isEqualTo(12);
    assertThat(c.toBuilder().build()).isEqualTo(c);
  }

  @Test
  void diskFile_mustNotHoldAnythingYet(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("disk");
    MachineConfig.Builder b = MachineConfig.builder().diskFile(file);
    assertThat(b.build().diskFile()).isEqualTo(file);
    Files.createFile(file);
    assertThat(b.build().diskFile()).isEqualTo(file);
    Files.writeString(file, "precious");
    assertThatThrownBy(b::build).hasMessage("disk file " + file + ": must be a new or empty file");
    assertThatThrownBy(() -> MachineConfig.builder().diskFile(dir).build()).hasMessageContaining("new or empty");
  }

  @Test
  void profiles_areFoundByName() {
    for (DiskProfile p : DiskProfile.all()) {
      assertThat(DiskProfile.parse(p.name())).isSameAs(p);
    }
    assertThatThrownBy(() -> DiskProfile.parse("floppy"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("disk profile floppy: must be one of zero, fast, ssd, hdd, slow, adversarial");
  }

  @Test
  void options_areChecked() {
    assertThatThrownBy(() -> MmuOptions.NONE.withShootDelay(-1))
        .hasMessage("shootdown delay -1: must be 0 or more nanoseconds");
    assertThat(MmuOptions.NONE.withSpeculate(true).withSloppyDirty(true).withSpurious(true).withKeepTlb(true)
            .withShootDelay(20_000).withShootMerge(true).withPlainRmw(false))
        .isEqualTo(MmuOptions.ADVERSARIAL);
  }

  @Test
  void pteFormat_isTheHardwares() {
    long pte = Pte.make(7, Pte.V | Pte.W | Pte.M | Pte.USED);
    assertThat(pte).isEqualTo(0x7443);
    assertThat(Pte.frame(pte)).isEqualTo(7);
    assertThat(Pte.frame(Pte.make(Integer.MAX_VALUE, -1L >>> 52))).isEqualTo(Integer.MAX_VALUE);
    assertThat(Pte.toString(pte)).isEqualTo("frame 7 VW..M.u");
    assertThat(Pte.toString(0)).isEqualTo("none");
  }
}
