package dev.faultline.stress.matrix;

import dev.faultline.stress.matrix.Cell.State;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Runs an engine's cells in a process of its own, which may hang or die without taking the matrix with it: one that
 * does not answer is killed, and the next cell gets another. Belongs to one thread.
 */
public final class CellProcess implements CellRunner, AutoCloseable {
  private final Engine engine; // (C)
  private final String classPath; // (C)
  private final ExecutorService reader; // (C) waits for answers
  private @Nullable Process process;
  private @Nullable BufferedWriter to;
  private @Nullable BufferedReader from;

  /**
   * Prepares it; starts nothing yet.
   */
  public CellProcess(Engine engine, String classPath) {
    this.engine = engine;
    this.classPath = classPath;
    this.reader = Executors.newSingleThreadExecutor(r -> {
      Thread t = new Thread(r, "answers");
      t.setDaemon(true);
      return t;
    });
  }

  @Override
  public Cell run(Cell so, long nanos) throws InterruptedException {
    long began = System.nanoTime();
    try {
      BufferedReader in = ask(CellServer.question(so, nanos));
      Future<@Nullable String> answer = reader.submit(() -> next(in));
      String a = answer.get(nanos + engine.patienceSeconds() * 1_000_000_000L, TimeUnit.NANOSECONDS);
      if (a == null) {
        kill();
        return so.plus(State.NO_ANSWER, 0, System.nanoTime() - began, null);
      }
      if (a.startsWith(CellServer.LAST)) {
        kill();
      }
      return CellServer.answer(so, a);
    } catch (TimeoutException e) {
      kill();
      return so.plus(State.NO_ANSWER, 0, System.nanoTime() - began, null);
    } catch (ExecutionException | IOException e) { // died
      kill();
      return so.plus(State.NO_ANSWER, 0, System.nanoTime() - began, null);
    }
  }

  private BufferedReader ask(String question) throws IOException {
    Process p = process;
    BufferedReader in = from;
    if (p == null || !p.isAlive() || in == null) {
      p = new ProcessBuilder(command()).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      in = new BufferedReader(new InputStreamReader(p.getInputStream(), StandardCharsets.UTF_8));
      process = p;
      from = in;
      to = new BufferedWriter(p.outputWriter(StandardCharsets.UTF_8));
    }
    BufferedWriter out = to;
    if (out != null) {
      out.write(question);
      out.newLine();
      out.flush();
    }
    return in;
  }

  private List<String> command() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    if (engine == Engine.LINCHECK) {
      command.addAll(LincheckCells.jvmOptions());
    }
    command.addAll(List.of("-cp", classPath, CellServer.class.getName(), engine.name().toLowerCase(Locale.ROOT)));
    return command;
  }

  private static @Nullable String next(BufferedReader in) {
    try {
      String line = in.readLine();
      while (line != null && !line.startsWith(CellServer.ANSWER) && !line.startsWith(CellServer.LAST)) {
        line = in.readLine();
      }
      return line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void kill() {
    Process p = process;
    if (p != null) {
      p.destroyForcibly();
    }
    process = null;
  }

  @Override
  public void close() {
    kill();
    reader.shutdownNow();
  }

  @Override
  public String toString() {
    return "process of " + engine.label();
  }
}
