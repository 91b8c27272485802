package dev.faultline.vm.sync;

/** A channel that is nothing else, such as the one that processes in want of memory sleep on. */
public final class NamedChannel implements Channel {
  private final String name; // (C)
  private final int number; // (C)

  public NamedChannel(String name, int number) {
    this.name = name;
    this.number = number;
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
