package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An asynchronous disk: a queue of requests, served by an interrupt strand of its own in the order and at the pace of
 * a {@link DiskProfile}.
 *
 * <p>Overlapping requests are served in the order of submission, others in any order. Each chunk of a request moves
 * at an instant of its own between submission and completion, so a kernel that wants a consistent image keeps the
 * frames still for so long. A block that was never written reads as its {@link #initialContents}, zeros by default.
 * Thread-safe.
 *
 * @see "vm-semantics 6.3"
 */
public final class Disk {
  /*
   * Implementation overview
   *
   * What it is    The queue and everything that strands other than the disk's own may do. What happens to a request
   *               once it is taken from the queue is in DiskService, which runs on the disk's strand.
   * Locks         lock (D, rank 95; a leaf) guards the fields marked (D). Held for no transfer and no callback.
   * The strand    Started by the first submission, ends at close. RUNNING: it will look at the queue again. SPINNING:
   *               it found nothing and watches state for a moment. PARKED: it must be woken. A submitter sets RUNNING
   *               under D, and wakes it if it was PARKED; it goes from RUNNING to SPINNING to PARKED only under D
   *               with an empty queue, or with nothing that it could begin now.
   * Allocation    None once the strand runs: requests are linked through themselves, what is in service sits in
   *               reused slots.
   * Inspection    peek, poke and initialContents do not look whether a request for the blocks is under way: the
   *               caller sees to that.
   */
  static final int UNSTARTED = 0;
  static final int RUNNING = 1;
  static final int SPINNING = 2;
  static final int PARKED = 3;

  private static final VarHandle LITTLE_ENDIAN =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  final StrandLock lock = new StrandLock();
  final PhysicalMemory memory; // (C)
  final DiskStore store; // (C)
  final int blockWords; // (C)
  private final MachineConfig config; // (C)
  private final Strands strands; // (C)
  private final long blocks; // (C)

  @Nullable DiskRequest first; // (D) the queue, oldest first
  @Nullable DiskRequest last; // (D)
  final DiskFaults faults = new DiskFaults(); // (A)
  volatile int state = UNSTARTED; // (D) to write
  boolean closed; // (D)
  long pending; // (D) submitted, callback not returned
  volatile boolean quiet = true; // (D) to write: pending is 0
  long reads; // the disk strand's to write; published by a request's done, like the three below
  long writes;
  long errors;
  long blocksMoved;
  private @Nullable Strand strand; // (D) null until started
  @Nullable HardwareObserver hardware; // set before anything runs

  Disk(MachineConfig config, PhysicalMemory memory, Strands strands) {
    this.config = config;
    this.memory = memory;
    this.strands = strands;
    blocks = config.diskBlocks();
    blockWords = memory.wordsPerPage() >>> 3;
    Path file = config.diskFile();
    store = file == null ? new MemoryStore(blocks, blockWords) : new HostFileStore(file, blocks, blockWords);
  }

  /** Returns the bytes of a block: an eighth of a page. */
  public int blockSize() {
    return blockWords * Long.BYTES;
  }

  /** Returns the number of blocks. */
  public long blocks() {
    return blocks;
  }

  /** Returns how it takes its time. */
  public DiskProfile profile() {
    return config.disk();
  }

  /**
   * Queues a request. Never sleeps; may be called with mutexes held, and from a completion.
   *
   * @throws IllegalArgumentException if blocks or frames are not there
   * @throws IllegalStateException if the request is under way already, or the machine is closed
   */
  public void submit(DiskRequest r) {
    check(r);
    Strand me = Strand.current();
    me.point(StepKind.DISK_SUBMIT, r);
    lock.acquire(me);
    try {
      if (closed) {
        throw new IllegalStateException("disk is closed: " + r);
      }
      if (r.pending) {
        throw new IllegalStateException("request submitted twice: " + r);
      }
      r.pending = true;
      r.done = false;
      r.error = false;
      r.next = null;
      if (last == null) {
        first = r;
      } else {
        last.next = r;
      }
      last = r;
      pending++;
      quiet = false;
      if (hardware != null) {
        hardware.submitted(r.block, r.blockCount, r.write);
      }
      wake();
    } finally {
      lock.release(me);
    }
  }

  private void check(DiskRequest r) {
    if (r.blockCount < 1 || r.block < 0 || r.block > blocks - r.blockCount) {
      throw new IllegalArgumentException(r + ": must be 1 or more of the disk's blocks 0.." + (blocks - 1));
    }
    if (r.firstChunk < 0
        || r.frameCount < 0
        || r.frameCount > r.frames.length
        || r.frameCount * 8L - r.firstChunk < r.blockCount) {
      throw new IllegalArgumentException(
          r + ": does not fit in " + r.frameCount + " frames from chunk " + r.firstChunk + " on");
    }
    for (int i = 0; i < r.frameCount; i++) {
      if (r.frames[i] < 0 || r.frames[i] >= memory.frames()) {
        throw new IllegalArgumentException(r + ": no frame " + r.frames[i]);
      }
    }
  }

  /** Makes sure that the strand looks at the queue. D is held. */
  private void wake() {
    int was = state;
    state = RUNNING;
    if (was == UNSTARTED) {
      strand = strands.start("disk", new DiskService(this, config, strands));
    } else if (was == PARKED && strand != null) {
      strand.unpark();
    }
  }

  /** Returns whether every request has completed and every callback has returned. */
  public boolean idle() {
    return quiet;
  }

  /**
   * Says what blocks hold until they are written (again).
   *
   * @param contents gives each word, by its byte offset from the first of these blocks; null for zeros
   */
  public void initialContents(long block, long count, @Nullable BlockContents contents) {
    checkRange(block, count);
    store.initial.set(block, block + count, contents);
    onHost(() -> store.forget(block, count));
  }

  /** Reads blocks without a request, as many as {@code words} holds. No request for them may be under way. */
  public void peek(long block, long[] words) {
    int count = wholeBlocks(words.length);
    checkRange(block, count);
    onHost(() -> store.read(block, count, words, 0));
  }

  /**
   * Reads blocks without a request, as many as {@code bytes} holds; words are little-endian. No request for them may
   * be under way.
   */
  public void peek(long block, byte[] bytes) {
    long[] words = new long[bytes.length / Long.BYTES];
    wholeBlocks(bytes.length % Long.BYTES == 0 ? words.length : 1);
    peek(block, words);
    for (int i = 0; i < words.length; i++) {
      LITTLE_ENDIAN.set(bytes, i * Long.BYTES, words[i]);
    }
  }

  /** Writes blocks without a request, as many as {@code words} holds. No request for them may be under way. */
  public void poke(long block, long[] words) {
    int count = wholeBlocks(words.length);
    checkRange(block, count);
    onHost(() -> store.write(block, count, words, 0));
  }

  /**
   * Writes blocks without a request, as many as {@code bytes} holds; words are little-endian. No request for them may
   * be under way.
   */
  public void poke(long block, byte[] bytes) {
    long[] words = new long[bytes.length / Long.BYTES];
    wholeBlocks(bytes.length % Long.BYTES == 0 ? words.length : 1);
    for (int i = 0; i < words.length; i++) {
      words[i] = (long) LITTLE_ENDIAN.get(bytes, i * Long.BYTES);
    }
    poke(block, words);
  }

  private int wholeBlocks(int words) {
    if (words % blockWords != 0) {
      throw new IllegalArgumentException("array: must hold whole blocks of " + blockSize() + " bytes");
    }
    return words / blockWords;
  }

  private void checkRange(long block, long count) {
    if (block < 0 || count < 0 || block > blocks - count) {
      throw new IllegalArgumentException(
          "blocks " + block + ".." + (block + count - 1) + ": must be of the disk's 0.." + (blocks - 1));
    }
  }

  private interface HostAction {
    void run() throws IOException;
  }

  private static void onHost(HostAction action) {
    try {
      action.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Makes a range of blocks bad, from the next request on that the disk begins. */
  public void fail(long block, long count, FaultMode mode) {
    checkRange(block, count);
    faults.add(block, count, mode);
  }

  /**
   * Returns whether the last write of one of some blocks has failed: what they hold is anything. Known before the
   * request that failed is told to be done.
   */
  public boolean isSpoiled(long block, long count) {
    checkRange(block, count);
    return faults.isSpoiled(block, count);
  }

  /** Makes every block good again. */
  public void clearFaults() {
    faults.clear();
  }

  /** Returns the reads completed so far, at least those that the caller knows to be done. So do the three below. */
  public long reads() {
    return reads;
  }

  /** Returns the writes completed so far. */
  public long writes() {
    return writes;
  }

  /** Returns the requests that failed so far; they count as reads and writes, too. */
  public long errors() {
    return errors;
  }

  /** Returns the blocks of all requests completed so far. */
  public long blocksMoved() {
    return blocksMoved;
  }

  /** Ends the strand; what has not completed by then never will. See {@link Machine#close}. */
  void stop(Strand me, List<Strand> ending) {
    lock.acquire(me);
    try {
      closed = true;
      if (strand != null) {
        wake();
        ending.add(strand);
      }
    } finally {
      lock.release(me);
    }
  }

  /** Gives back what the host lent, once the strand has ended. */
  void close() {
    onHost(store::close);
  }

  @Override
  public String toString() {
    return "disk of " + blocks + " blocks, profile " + config.disk().name() + ", pending=" + pending;
  }
}
