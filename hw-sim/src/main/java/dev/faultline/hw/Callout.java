package dev.faultline.hw;

/** Stub. */
public final class Callout {
  volatile boolean cancelled;

  Callout() {}
}
