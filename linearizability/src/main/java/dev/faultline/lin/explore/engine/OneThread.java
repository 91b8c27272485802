package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.ThreadStrands;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Virtual threads that all run on one thread of the host, so that giving the turn away wakes no thread and asks no
 * scheduler: one is suspended, the next resumed. From JDK 21 on, in a JVM that is started with {@code --add-opens
 * java.base/java.lang=ALL-UNNAMED} or from a jar whose manifest says so.
 */
final class OneThread implements Executor {
  /*
   * Implementation overview
   *
   * Making them    The JDK has no public way to say where a virtual thread runs; the one that its builders use takes
   *                any executor. Where it is not to be had, there is no OneThread, and strands have threads of the
   *                host.
   * Running them   What the JDK wants run goes to the queue; the host's thread takes it from there. Whoever adds looks
   *                at parked afterwards, and the thread looks at the queue after it said that it parks: one of the two
   *                sees the other.
   * Escaping       They are threads: a strand that waits for a monitor, a latch or a lock of java.util.concurrent is
   *                suspended with nobody else to run, as nobody has the turn, and the session notices.
   */
  private static final int FIRST = 21; // before, they are unfinished or none
  private static final @Nullable MethodHandle MAKE = find();

  private final ConcurrentLinkedQueue<Runnable> queue = new ConcurrentLinkedQueue<>();
  final Thread host = ThreadStrands.newThread(this::run, "explorer"); // (C)
  private volatile boolean parked;
  private volatile boolean closed;

  private OneThread() {}

  static boolean isAvailable() {
    return MAKE != null;
  }

  /** Begins one, or returns null where this JVM has none for us. */
  static @Nullable OneThread begin() {
    if (MAKE == null) {
      return null;
    }
    OneThread o = new OneThread();
    o.host.start();
    return o;
  }

  private static @Nullable MethodHandle find() {
    if (Runtime.version().feature() < FIRST) {
      return null;
    }
    try {
      Class<?> builders = Class.forName("java.lang.ThreadBuilders");
      return MethodHandles.privateLookupIn(builders, MethodHandles.lookup())
          .findStatic(
              builders,
              "newVirtualThread",
              MethodType.methodType(Thread.class, Executor.class, String.class, int.class, Runnable.class));
    } catch (ReflectiveOperationException e) { // not open to us, or not as we know it
      return null;
    }
  }

  /** Makes a thread, not started. */
  Thread newThread(Runnable body, String name) {
    MethodHandle make = MAKE;
    assert make != null;
    try {
      return (Thread) make.invokeExact((Executor) this, name, 0, body);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }

  @Override
  public void execute(Runnable task) {
    queue.add(task);
    if (parked) {
      LockSupport.unpark(host);
    }
  }

  private void run() {
    while (true) {
      Runnable task = queue.poll();
      if (task != null) {
        task.run();
      } else if (closed) {
        return;
      } else {
        parked = true;
        if (queue.isEmpty() && !closed) {
          LockSupport.park(this);
        }
        parked = false;
      }
    }
  }

  /** Ends the host's thread, when nothing is left that can run. */
  void close() {
    closed = true;
    LockSupport.unpark(host);
  }

  @Override
  public String toString() {
    return "one thread for all";
  }
}
