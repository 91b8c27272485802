package dev.faultline.vm.detect;

import java.util.concurrent.atomic.AtomicInteger;

/** What several address spaces may store to at once: a file, or memory shared by inheritance. */
abstract class SharedSegment {
  final ContentOracle oracle; // (C)
  final PageTree pages = new PageTree(); // (A)
  private final AtomicInteger watchers = new AtomicInteger(); // (A) who may be copying any page

  SharedSegment(ContentOracle oracle) {
    this.oracle = oracle;
  }

  /** Returns whether changes of a page, which is locked, are to be logged. */
  final boolean isWatched(ModelPage p) {
    return p.watchers != 0 || watchers.get() != 0;
  }

  /** From now on, until {@link #endWatch}, pages from number {@code from} to before {@code to} may be copied by somebody. */
  final void beginWatch(long from, long to) {
    boolean first = watchers.getAndIncrement() == 0;
    // Whoever changes a page has looked at watchers with the page locked: after this every change is logged.
    pages.forEach(
        from,
        to,
        (n, p) -> {
          p.lock();
          if (first && p.watchers == 0) {
            p.log(0, 0, false); // what an earlier watch left
          }
          p.unlock();
        });
  }

  final void endWatch() {
    watchers.getAndDecrement();
  }

  /** As {@link #beginWatch(long, long)} for one page. */
  final void beginWatch(ModelPage p) {
    p.lock();
    if (!isWatched(p)) {
      p.log(0, 0, false);
    }
    p.watchers++;
    p.unlock();
  }

  final void endWatch(ModelPage p) {
    p.lock();
    p.watchers--;
    p.endWatch(isWatched(p));
    p.unlock();
  }
}
