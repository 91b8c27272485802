package dev.faultline.hw.strand;

/**
 * Time as far as somebody looked on: of the time between two looks no more counts than a watcher who is run in time
 * would let pass. For patience: when the host has stood still (a virtual machine that was suspended, a stopped
 * process), or runs other things, whoever is watched has had no time either. For one thread.
 */
public final class WatchedTime {
  private static final long MOST_NANOS = 100_000_000; // for who looks every few milliseconds
  private final long most; // (C) nanoseconds
  private long last;
  private long seen;
  private boolean begun;

  /** Begins at the first look; for a watcher who looks every few milliseconds. */
  public WatchedTime() {
    this(MOST_NANOS);
  }

  /**
   * Begins at the first look.
   *
   * @param most how much counts between two looks, nanoseconds
   */
  public WatchedTime(long most) {
    this.most = most;
  }

  /**
   * Looks.
   *
   * @param now nanoseconds since an arbitrary origin
   * @return nanoseconds since the first look, as far as they count
   */
  public long at(long now) {
    seen += begun ? Math.max(0, Math.min(most, now - last)) : 0;
    last = now;
    begun = true;
    return seen;
  }

  @Override
  public String toString() {
    return seen + " ns watched";
  }
}
