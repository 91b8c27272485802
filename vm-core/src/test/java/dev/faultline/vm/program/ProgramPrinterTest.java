package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ProgramPrinterTest {
  private static String printed(String text) throws Exception {
    try (VmProgram p = VmProgram.of(text)) {
      return ProgramPrinter.print(p);
    }
  }

  private static final String CANONICAL = """
      vmprogram 1
      file f 4097 0x7
      file g 5
      barrier b 1
      process 3
      mmap 0x1000 0x2000 rw- private anon
      mmap 0x1000 0x1 r-x shared file f 0x1000
      munmap 0x1000 0x1
      mprotect 0x0 0x1000 ---
      minherit 0x1000 0x1000 none
      madvise 0x1000 0x1000 free
      mlock 0x1000 0x1000
      munlock 0x1000 0x1000
      msync 0x1000 0x1000
      msync 0x1000 0x1000 async
      msync 0x1000 0x1000 invalidate
      mincore 0x1000 0x1001
      store 0x1008 0xffffffffffffffff
      load 0x7ffffffffff8
      add 0x8 0x1
      fill 0x1000 0x10 0x0
      sum 0x1000 0x0
      touch w 0x1001
      fork 70
      wait 70
      vfork 18446744073709551615
      barrier b
      sleep 10
      truncate g 0
      exec
      exit
      process 18446744073709551615
      process 70
      load 0x1000
      """;

  @Test
  void canonicalText_staysAsItIs() throws Exception {
    assertThat(printed(CANONICAL)).isEqualTo(CANONICAL);
  }

  @Test
  void everyOtherWriting_becomesCanonical() throws Exception {
    assertThat(printed("vmprogram  1 #\nprocess\t0x10\nmmap 4096 100 r-- private file x 0x1000 # hm\n\nload 0x00FF8"))
        .isEqualTo("vmprogram 1\nfile x 4196\nprocess 16\nmmap 0x1000 0x64 r-- private file x 0x1000\nload 0xff8\n");
  }

  @Test
  void msyncWithoutItsLastWord_isSync() throws Exception {
    assertThat(printed("vmprogram 1\nprocess 1\nmsync 0 1 async\nmsync 0 1\nmsync 0 1 sync\nmsync 0 1 invalidate\n"))
        .endsWith("\nmsync 0x0 0x1 async\nmsync 0x0 0x1\nmsync 0x0 0x1\nmsync 0x0 0x1 invalidate\n");
    assertThatThrownBy(() -> printed("vmprogram 1\nprocess 1\nmsync 0 1 later\n"))
        .hasMessageContaining("later").hasMessageContaining("one of sync, async, invalidate");
    assertThatThrownBy(() -> printed("vmprogram 1\nprocess 1\nmsync 0 1 sync now\n"))
        .hasMessageContaining("now").hasMessageContaining("the end of the line");
  }

  @ParameterizedTest
  @ValueSource(strings = {"ls", "perl-fork-cow", "shell-pipeline", "sqlite-mmap"})
  void recordedTraces_makeTheRoundTrip(String trace) throws Exception {
    try (VmProgram p = VmProgram.open("../samples/traces/" + trace + ".vm.gz")) {
      String text = ProgramPrinter.print(p);
      try (VmProgram again = VmProgram.of(text)) {
        assertThat(ProgramPrinter.print(again)).isEqualTo(text);
        assertThat(again.commands()).isEqualTo(p.commands());
        assertThat(again.files()).isEqualTo(p.files());
      }
    }
  }
}
