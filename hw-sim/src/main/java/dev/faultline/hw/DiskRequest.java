package dev.faultline.hw;

import org.jspecify.annotations.Nullable;

/**
 * One transfer between a run of blocks and frames, filled in by its owner, handed to {@link Disk#submit}, and the
 * disk's until {@link #completed} is called. May then be filled in and submitted again, also from within {@code
 * completed}.
 */
public class DiskRequest {
  /** First block. */
  public long block;

  /** Blocks, at least 1. */
  public int blockCount;

  /** Whether the frames go to the blocks; otherwise the blocks come to the frames. */
  public boolean write;

  /** The frames, in order; eight blocks each. */
  public int[] frames = {};

  /** Frames of {@link #frames} that count. */
  public int frameCount;

  /** Which eighth of the first frame the first block goes with; the others follow, from frame to frame. */
  public int firstChunk;

  /** Whether the last submission has completed. Set before {@link #completed} is called. */
  public volatile boolean done;

  /**
   * Whether it failed; valid once {@link #done}. A failed read leaves anything in the frames, a failed write old, new
   * or mixed blocks.
   */
  public boolean error;

  /** Called by {@link #completed}. */
  public @Nullable Runnable callback;

  @Nullable DiskRequest next; // the disk's: its queue
  boolean pending; // the disk's: submitted and not completed

  /** Creates a request to be filled in. */
  public DiskRequest() {}

  /**
   * Called once for each submission, on the disk's interrupt strand, which holds nothing. May take mutexes of the
   * interrupt side, may wake and submit, must not sleep. What it throws ends the strand.
   */
  protected void completed() {
    Runnable c = callback;
    if (c != null) {
      c.run();
    }
  }

  final boolean overlaps(DiskRequest other) {
    return block < other.block + other.blockCount && other.block < block + blockCount;
  }

  @Override
  public String toString() {
    return (write ? "write" : "read") + " of blocks " + block + ".." + (block + blockCount - 1);
  }
}
