package dev.faultline.vm.sync;

import org.jspecify.annotations.Nullable;

/** A channel that is nothing else, such as the one that processes in want of memory sleep on. */
public final class NamedChannel implements Channel {
  private final String name; // (C)
  private final int number; // (C)
  private final @Nullable WaitClass waitClass; // (C)

  public NamedChannel(String name, int number) {
    this(name, number, null);
  }

  /** Creates a channel whose sleepers wait for a thing of that class. */
  public NamedChannel(String name, int number, @Nullable WaitClass waitClass) {
    this.name = name;
    this.number = number;
    this.waitClass = waitClass;
  }

  @Override
  public @Nullable WaitClass waitClass() {
    return waitClass;
  }

  @Override
  public int channelNumber() {
    return number;
  }

  @Override
  public String toString() {
    return name;
  }
}
