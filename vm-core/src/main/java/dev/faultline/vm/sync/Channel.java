package dev.faultline.vm.sync;

/** Something that threads sleep on. The number spreads channels over sleep queue buckets; it need not be unique. */
public interface Channel {
  /** Returns a number that is the same in every run of one seed. */
  int channelNumber();
}
