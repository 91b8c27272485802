package dev.faultline.lin.spec;

import java.util.ArrayList;
import java.util.List;

/**
 * The active and inactive queues and wirings of pages: each page is on at most one queue, in the order of its arrival.
 *
 * @see "vm-semantics 3.2: vm_page_activate, deactivate, wire, unwire; I-1, I-5"
 */
public class PageQueuesSpec {
  private static final int PAGES = 2;

  private final List<Integer> active = new ArrayList<>();
  private final List<Integer> inactive = new ArrayList<>();
  private final int[] wirings = new int[PAGES];

  /** An unwired page goes to the active tail, unless it is active; a wired one is on no queue. */
  public void activate(int page) {
    if (!active.contains(page) && wirings[page] == 0) {
      inactive.remove((Integer) page);
      active.add(page);
    }
  }

  /** An unwired page goes to the inactive tail, unless it is inactive. */
  public void deactivate(int page) {
    if (!inactive.contains(page) && wirings[page] == 0) {
      active.remove((Integer) page);
      inactive.add(page);
    }
  }

  /** Adds a wiring; the first takes the page off its queue. */
  public int wire(int page) {
    active.remove((Integer) page);
    inactive.remove((Integer) page);
    return ++wirings[page];
  }

  /** Takes a wiring off, if there is one; the last leaves the page on the active queue. Returns what are left. */
  public int unwire(int page) {
    if (wirings[page] == 0) {
      return -1;
    }
    if (--wirings[page] == 0) {
      active.add(page);
    }
    return wirings[page];
  }

  /** Returns both queues, head first. */
  public String queues() {
    return active + " " + inactive;
  }
}
