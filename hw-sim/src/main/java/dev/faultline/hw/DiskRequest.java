package dev.faultline.hw;

/** Stub. */
public abstract class DiskRequest {
  public long block;
  public int blockCount;
  public boolean write;
  public int[] frames = new int[0];
  public int frameCount;
  public int firstChunk;
  public volatile boolean done;
  public boolean error;

  public abstract void completed();
}
