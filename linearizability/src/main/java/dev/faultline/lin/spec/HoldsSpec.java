package dev.faultline.lin.spec;

/**
 * Who holds a read/write lock: many readers or one writer.
 *
 * @see "vm-semantics 2.8"
 */
public class HoldsSpec {
  private static final int THREADS = 8;

  private final int[] reads = new int[THREADS];
  private int writer = -1;

  private boolean othersRead(int thread) {
    for (int t = 0; t < THREADS; t++) {
      if (t != thread && reads[t] > 0) {
        return true;
      }
    }
    return false;
  }

  /** Takes the lock for reading, unless somebody writes. */
  public boolean tryRead(int thread) {
    if (writer >= 0) {
      return false;
    }
    reads[thread]++;
    return true;
  }

  /** Takes the lock for writing, unless anybody holds it. */
  public boolean tryWrite(int thread) {
    if (writer >= 0 || reads[thread] > 0 || othersRead(thread)) {
      return false;
    }
    writer = thread;
    return true;
  }

  /** Turns a write hold into a read hold; returns whether there was one. */
  public boolean downgrade(int thread) {
    if (writer != thread) {
      return false;
    }
    writer = -1;
    reads[thread]++;
    return true;
  }

  /** Gives back a hold, if there is one. */
  public boolean release(int thread) {
    if (reads[thread] > 0) {
      reads[thread]--;
      return true;
    }
    if (writer == thread) {
      writer = -1;
      return true;
    }
    return false;
  }
}
