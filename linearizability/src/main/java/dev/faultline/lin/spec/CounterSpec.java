package dev.faultline.lin.spec;

/** A number that operations add to and read: what sections that exclude each other make of it. */
public class CounterSpec {
  private int value;

  /** Adds one and returns the sum. */
  public int add() {
    return ++value;
  }

  /** Adds one by another way and returns the sum. */
  public int addAnotherWay() {
    return ++value;
  }

  /** Returns the number. */
  public int get() {
    return value;
  }
}
