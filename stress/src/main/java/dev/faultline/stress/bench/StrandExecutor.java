package dev.faultline.stress.bench;

import dev.faultline.hw.strand.ThreadStrands;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The benchmark threads: of the kind that processes run on everywhere else. JMH creates it, by its name. */
public final class StrandExecutor extends ThreadPoolExecutor {
  private static final AtomicInteger NEXT = new AtomicInteger();

  /**
   * Creates the threads of a run.
   *
   * @param threads how many
   * @param prefix what their names begin with
   */
  public StrandExecutor(int threads, String prefix) {
    super(
        threads,
        threads,
        0,
        TimeUnit.SECONDS,
        new LinkedBlockingQueue<>(),
        body -> ThreadStrands.newThread(body, prefix + "-" + NEXT.getAndIncrement()));
  }
}
