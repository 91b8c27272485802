package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.hw.strand.Strands;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/** Stub. */
public final class Disk {
  private final PhysicalMemory memory;
  private final Strands strands;
  private final long blocks;
  private final StrandLock lock = new StrandLock();
  private final ArrayDeque<DiskRequest> queue = new ArrayDeque<>();
  private final Map<Long, long[]> data = new HashMap<>();
  private final Map<Long, FaultMode> faults = new HashMap<>();
  private final Map<Long, Object[]> initial = new HashMap<>();
  private volatile Strand strand;
  private volatile boolean idle = true;
  private final int words;

  public Disk(PhysicalMemory memory, Strands strands, long blocks) {
    this.memory = memory;
    this.strands = strands;
    this.blocks = blocks;
    this.words = memory.wordsPerPage() / 8;
  }

  public long blocks() {
    return blocks;
  }

  public void submit(DiskRequest r) {
    Strand me = Strand.current();
    lock.acquire(me);
    queue.add(r);
    idle = false;
    if (strand == null) {
      strand = strands.start("disk", this::run);
    }
    lock.release(me);
    strand.unpark();
  }

  private void run() {
    Strand me = Strand.current();
    while (true) {
      lock.acquire(me);
      DiskRequest r = queue.poll();
      if (r == null) {
        idle = true;
      }
      lock.release(me);
      if (r == null) {
        me.park();
        continue;
      }
      boolean err = false;
      lock.acquire(me);
      for (int i = 0; i < r.blockCount; i++) {
        long b = r.block + i;
        int frame = r.frames[(r.firstChunk + i) / 8];
        int chunk = (r.firstChunk + i) % 8;
        FaultMode f = faults.get(b);
        if (f != null
            && (f == FaultMode.STICKY_ALL
                || r.write == (f == FaultMode.STICKY_WRITE || f == FaultMode.TRANSIENT_WRITE))) {
          err = true;
          if (f == FaultMode.TRANSIENT_READ || f == FaultMode.TRANSIENT_WRITE) {
            faults.remove(b);
          }
          continue;
        }
        if (r.write) {
          long[] w = new long[words];
          memory.copyChunkOut(frame, chunk, w, 0);
          data.put(b, w);
        } else {
          memory.copyChunkIn(frame, chunk, block(b), 0);
        }
      }
      lock.release(me);
      r.error = err;
      r.done = true;
      r.completed();
    }
  }

  private long[] block(long b) {
    long[] w = data.get(b);
    if (w == null) {
      w = new long[words];
      Object[] in = initial.get(b);
      if (in != null) {
        for (int i = 0; i < words; i++) {
          w[i] = ((BlockContents) in[0]).word((b - (Long) in[1]) * words * 8 + i * 8);
        }
      }
    }
    return w;
  }

  public void initialContents(long block, long count, BlockContents f) {
    for (long i = 0; i < count; i++) {
      initial.put(block + i, new Object[] {f, block});
    }
  }

  public void peek(long block, long[] to) {
    for (int i = 0; i < to.length / words; i++) {
      System.arraycopy(block(block + i), 0, to, i * words, words);
    }
  }

  public void fail(long block, long count, FaultMode mode) {
    for (long i = 0; i < count; i++) {
      faults.put(block + i, mode);
    }
  }

  public void clearFaults() {
    faults.clear();
  }

  public boolean idle() {
    return idle;
  }
}
