package dev.faultline.hw;

/**
 * Hears of the machine's own steps, for traces. Called on the strand that makes the step, right where it is made, with
 * whatever it holds (T of a processor, say): it must not block, and what it does must be short.
 */
public interface HardwareObserver {
  /** A processor has set R or M in a page table word, which is {@code word} now. */
  void marked(Cpu cpu, long va, long word);

  /** Processors are about to be made to forget [start, end) of a table. */
  void shooting(PageTable of, long start, long end);

  /** A processor has forgotten what it was told to, of this table among others. */
  void purged(Cpu cpu, PageTable of);

  /** The disk has queued a request, and not begun with it. */
  void submitted(long block, int blockCount, boolean write);

  /** The disk is about to complete a request. */
  void completing(DiskRequest r, boolean error);
}
