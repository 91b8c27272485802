package dev.faultline.vm.detect;

import java.util.concurrent.atomic.AtomicLong;

/** What several address spaces may store to at once: a file, or memory shared by inheritance. */
abstract class SharedSegment {
  private static final long EPOCH = 1L << 32;

  final ContentOracle oracle; // (C)
  final PageTree pages = new PageTree(); // (A)

  /** Who may be copying any page: how many, and above that the number of the present run of watches without a gap. */
  private final AtomicLong watchers = new AtomicLong(); // (A)

  SharedSegment(ContentOracle oracle) {
    this.oracle = oracle;
  }

  /**
   * Returns whether changes of a page, which is locked, are to be logged; clears what a watch that has ended left in
   * its log.
   */
  final boolean isWatched(ModelPage p) {
    long w = watchers.get();
    long epoch = w / EPOCH;
    if (p.watchers == 0 && (w % EPOCH == 0 || p.logEpoch != epoch)) {
      p.clearLog();
    }
    p.logEpoch = epoch;
    return p.watchers != 0 || w % EPOCH != 0;
  }

  /**
   * From now on, until {@link #endWatch}, pages from number {@code from} to before {@code to} may be copied by
   * somebody.
   */
  final void beginWatch(long from, long to) {
    watchers.getAndUpdate(w -> w % EPOCH == 0 ? w + EPOCH + 1 : w + 1);
    // Whoever changes a page has looked at watchers with the page locked: after this every change is logged.
    pages.forEach(
        from,
        to,
        (n, p) -> {
          p.lock();
          p.unlock();
        });
  }

  final void endWatch() {
    watchers.getAndDecrement();
  }

  /** As {@link #beginWatch(long, long)} for one page. */
  final void beginWatch(ModelPage p) {
    p.lock();
    isWatched(p); // its log is empty, if nobody else watches
    p.watchers++;
    p.unlock();
  }

  final void endWatch(ModelPage p) {
    p.lock();
    p.watchers--;
    isWatched(p);
    p.unlock();
  }
}
