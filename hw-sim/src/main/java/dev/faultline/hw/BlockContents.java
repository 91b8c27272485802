package dev.faultline.hw;

/** Stub. */
public interface BlockContents {
  long word(long byteOffset);
}
