package dev.faultline.hw;

/** Stub. */
public enum FaultMode {
  TRANSIENT_READ,
  TRANSIENT_WRITE,
  STICKY_READ,
  STICKY_WRITE,
  STICKY_ALL
}
