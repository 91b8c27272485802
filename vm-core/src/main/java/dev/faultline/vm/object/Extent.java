package dev.faultline.vm.object;

/**
 * How many neighbours of a page a pager could deliver with it in one transfer: an out parameter of {@link
 * Pager#hasPage}.
 */
public final class Extent {
  /** Pages before the one asked for. */
  public int before;

  /** Pages after the one asked for. */
  public int after;
}
