package dev.faultline.stress.matrix;

import dev.faultline.stress.matrix.Cell.State;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * The main class of a process that runs cells, asked for line by line on its standard input.
 *
 * <p>A kernel with a defect may leave threads behind. Those that wait for ever do no harm until they are many; those
 * that run for ever would share the processors with the next cell. A process that has such threads answers and ends;
 * {@link CellProcess} starts another one.
 */
public final class CellServer {
  static final String ANSWER = "cell";

  /** How a process says that it has threads it cannot get rid of, and ends. */
  static final String LAST = "last";

  private static final long GRACE_MILLIS = 300; // for threads on their way out
  private static final int THREADS_MOST = 500;
  private static final String READER = "asked"; // in a read, which counts as running

  private CellServer() {}

  /** Runs the cells of the engine that the first argument names, until standard input ends. */
  public static void main(String[] args) throws InterruptedException {
    PrintStream answers = System.out;
    System.setOut(System.err); // whatever else prints
    CellRunner runner = runner(Engine.valueOf(args[0].toUpperCase(Locale.ROOT)));
    LinkedBlockingQueue<String> asked = new LinkedBlockingQueue<>();
    Thread reader = new Thread(() -> read(asked), READER);
    reader.setDaemon(true);
    reader.start();
    while (true) {
      String[] q = asked.take().split("\t", -1);
      Cell so = Cell.of(q[0], Variant.named(q[1]), Engine.valueOf(q[2])).plus(
          State.valueOf(q[3]), Long.parseLong(q[4]), Long.parseLong(q[5]), null);
      Cell c = runner.run(so, Long.parseLong(q[6]));
      boolean last = threadsStay();
      answers.println(String.join("\t", last ? LAST : ANSWER, c.state().name(), Long.toString(c.executions()),
          Long.toString(c.nanos()), line(c.finding())));
      answers.flush();
      if (last) {
        Runtime.getRuntime().halt(0);
      }
    }
  }

  private static CellRunner runner(Engine e) {
    return switch (e) {
      case EXPLORER -> new ExplorerCells();
      case STRESS -> new StressCells(Runtime.getRuntime().availableProcessors());
      case LINCHECK -> new LincheckCells();
      case JCSTRESS -> new JcstressCells();
    };
  }

  /** Returns what asks for more of a cell. */
  static String question(Cell so, long nanos) {
    return String.join("\t", so.scenario(), so.variant().label(), so.engine().name(), so.state().name(),
        Long.toString(so.executions()), Long.toString(so.nanos()), Long.toString(nanos));
  }

  /** Returns what an answer says of a cell. */
  static Cell answer(Cell asked, String answer) {
    String[] a = answer.split("\t", -1);
    return new Cell(asked.scenario(), asked.variant(), asked.engine(), State.valueOf(a[1]), Long.parseLong(a[2]),
        Long.parseLong(a[3]), a[4].isEmpty() ? null : a[4]);
  }

  private static String line(@Nullable String finding) {
    return finding == null ? "" : finding.replaceAll("\\s+", " ").strip();
  }

  private static void read(LinkedBlockingQueue<String> asked) {
    try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String q = in.readLine(); q != null; q = in.readLine()) {
        asked.add(q);
      }
    } catch (IOException e) {
      System.err.println("faultline matrix: " + e);
    }
    Runtime.getRuntime().halt(0); // who asked is gone, and a cell may be under way that never ends
  }

  /** Returns whether threads run on that should have ended, or so many wait that it matters. */
  private static boolean threadsStay() throws InterruptedException {
    for (long i = 0; i < GRACE_MILLIS; i += 10) {
      Thread[] all = new Thread[2 * THREADS_MOST];
      int n = Thread.enumerate(all);
      long running = Arrays.stream(all, 0, n)
          .filter(t -> t.getState() == Thread.State.RUNNABLE)
          .filter(t -> t != Thread.currentThread() && !t.getName().equals(READER))
          .count();
      if (running == 0 && n < THREADS_MOST) {
        return false;
      }
      Thread.sleep(10);
    }
    return true;
  }
}
