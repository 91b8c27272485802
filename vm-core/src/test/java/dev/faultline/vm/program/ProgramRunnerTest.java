package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ProgramRunnerTest {
  /** What the calls were, and between them what the sink was given. */
  private final List<String> events = new ArrayList<>();
  /** What each call answers, by its name; OK for any that is not here. */
  private final Map<String, Reply> replies = new HashMap<>();
  private long value;
  private Runnable onCall = () -> { };

  private final ProcessCalls calls = (ProcessCalls) Proxy.newProxyInstance(ProcessCalls.class.getClassLoader(),
      new Class<?>[] {ProcessCalls.class}, (proxy, method, args) -> {
        if (method.getName().equals("value")) {
          return value;
        }
        StringBuilder call = new StringBuilder(method.getName());
        for (Object arg : args == null ? new Object[0] : args) {
          if (arg instanceof byte[] digits) {
            Arrays.fill(digits, 1, digits.length, (byte) 1);
          } else {
            call.append(' ').append(arg instanceof Long l ? Long.toHexString(l) : arg);
          }
        }
        events.add(call.toString());
        onCall.run();
        return method.getReturnType() == Reply.class ? replies.getOrDefault(method.getName(), Reply.OK) : null;
      });

  private ProgramRunner run(String section) throws Exception {
    try (VmProgram program = VmProgram.of("vmprogram 1\nfile f 100\nbarrier b 1\nprocess 7\n" + section)) {
      ProgramRunner runner = new ProgramRunner(program,
          (b, o, n) -> events.add("> " + new String(b, o, n, StandardCharsets.US_ASCII)));
      runner.run(0, calls);
      return runner;
    }
  }

  @Test
  void everyCommand_becomesItsCall() throws Exception {
    ProgramRunner runner = run("""
        mmap 0x1000 0x2000 rw- private anon
        mmap 0x1000 0x1 --x shared file f 0x1000
        munmap 0x1000 0x1
        mprotect 0x0 0x1000 -w-
        minherit 0x1000 0x1000 none
        madvise 0x1000 0x1000 free
        mlock 0x1000 0x1000
        munlock 0x1000 0x1000
        msync 0x1000 0x1000
        store 0x1008 0xff
        fill 0x1000 0x10 0x5
        touch w 0x1001
        fork 70
        wait 70
        vfork 71
        barrier b
        sleep 10
        truncate f 16
        exec
        exit
        process 71
        process 70
        """);
    assertThat(events).containsExactly("mmapAnon 1000 2000 3 false", "mmapFile 1000 1 4 true 0 1000", "munmap 1000 1",
        "mprotect 0 1000 2", "minherit 1000 1000 NONE", "madvise 1000 1000 FREE", "mlock 1000 1000",
        "munlock 1000 1000", "msync 1000 1000 SYNC", "store 1008 ff", "fill 1000 10 5", "touch WRITE 1001", "fork 1",
        "waitFor 1", "vfork 2", "barrier 0",
        "sleep a", "truncate 0 10", "exec", "exit");
    assertThat(runner.commandsDone()).isEqualTo(20);
  }

  @Test
  void everyCall_isCounted_beforeItEnds() throws Exception {
    List<Long> counts = new ArrayList<>();
    try (VmProgram program = VmProgram.of("vmprogram 1\nprocess 7\nexec\nload 0\nexec\n")) {
      ProgramRunner runner = new ProgramRunner(program, (b, o, n) -> { });
      onCall = () -> counts.add(runner.commandsDone());
      runner.run(0, calls);
    }
    assertThat(counts).startsWith(1L, 1L, 3L); // the load alone may be counted later
  }

  @Test
  void values_arePrintedInHexadecimalWithoutLeadingZeros() throws Exception {
    value = 0;
    run("load 0x1000\n");
    value = 0x10;
    run("\n\nadd 0x1000 1\n");
    value = -1;
    run("sum 0x1000 0x8\n");
    assertThat(events).containsExactly("load 1000", "> 7 5 load = 0x0\n", "exit", "add 1000 1", "> 7 7 add = 0x10\n",
        "exit",
        "sum 1000 8", "> 7 5 sum = 0xffffffffffffffff\n", "exit");
  }

  @Test
  void refusals_arePrinted_andTheProcessGoesOn() throws Exception {
    replies.put("load", Reply.SIGSEGV);
    replies.put("touch", Reply.SIGBUS);
    replies.put("mmapAnon", Reply.ENOMEM);
    run("load 0x1000\ntouch r 0x1000\nmmap 0 1 rw- private anon\nstore 0x1000 1\n");
    assertThat(events).containsExactly("load 1000", "touch READ 1000", "mmapAnon 0 1 3 false", "store 1000 1",
        "> 7 5 load = SIGSEGV\n7 6 touch = SIGBUS\n7 7 mmap = ENOMEM\n", "exit");
  }

  @Test
  void aKilledProcess_endsAtOnce_andSaysNothingMore() throws Exception {
    replies.put("store", Reply.SIGKILL);
    run("store 0x1000 1\nload 0x1000\n");
    assertThat(events).containsExactly("store 1000 1", "exit");
  }

  @Test
  void residence_isPrintedAsOneDigitAPage_theLastOnePartly() throws Exception {
    run("mincore 0x1000 0x2001\n");
    assertThat(events).containsExactly("mincore 1000 3", "> 7 5 mincore = 011\n", "exit");
  }

  @Test
  void linesAreHandedOn_beforeAnotherProcessCanKnowThatTheyWerePrinted() throws Exception {
    run("load 0\nbarrier b\nload 0\nfork 8\nload 0\nwait 8\nload 0\nprocess 8\n");
    assertThat(events).containsExactly("load 0", "> 7 5 load = 0x0\n", "barrier 0", "load 0", "> 7 7 load = 0x0\n",
        "fork 1",
        "load 0", "> 7 9 load = 0x0\n", "waitFor 1", "load 0", "> 7 11 load = 0x0\n", "exit");
  }

  @Test
  void muchOutput_isHandedOnInWholeLines() throws Exception {
    run("load 0\n".repeat(5000) + "mincore 0 0x10000000\n" + "load 0\n".repeat(5000));
    StringBuilder all = new StringBuilder();
    for (String e : events) {
      if (e.startsWith("> ")) {
        assertThat(e).endsWith("\n");
        all.append(e, 2, e.length());
      }
    }
    List<String> lines = all.toString().lines().toList();
    assertThat(lines).hasSize(10_001);
    assertThat(lines.get(9999)).isEqualTo("7 10004 load = 0x0");
    assertThat(lines.get(5000)).hasSize("7 5005 mincore = ".length() + 0x10000);
  }

  @Test
  void aStoppedRun_endsEveryProcess() throws Exception {
    try (VmProgram program = VmProgram.of("vmprogram 1\nprocess 7\nload 0\n")) {
      ProgramRunner runner = new ProgramRunner(program, (b, o, n) -> events.add("output"));
      runner.stop();
      runner.run(0, calls);
    }
    assertThat(events).containsExactly("exit");
  }

  @Test
  void whatACallThrows_comesOut_afterTheLinesSoFar() throws Exception {
    ProcessCalls failing = (ProcessCalls) Proxy.newProxyInstance(ProcessCalls.class.getClassLoader(),
        new Class<?>[] {ProcessCalls.class}, (proxy, method, args) -> {
          if (method.getName().equals("store")) {
            throw new AssertionError("panic");
          }
          return method.getReturnType() == Reply.class ? Reply.SIGBUS : null;
        });
    try (VmProgram program = VmProgram.of("vmprogram 1\nprocess 7\nload 0\nstore 0 1\n")) {
      ProgramRunner runner = new ProgramRunner(program,
          (b, o, n) -> events.add(new String(b, o, n, StandardCharsets.US_ASCII)));
      assertThatThrownBy(() -> runner.run(0, failing)).isInstanceOf(AssertionError.class);
    }
    assertThat(events).containsExactly("7 3 load = SIGBUS\n");
  }
}
