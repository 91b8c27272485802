package dev.faultline.hw;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The bad places of a disk: an immutable list, replaced by CAS, so that a test's thread need be no strand to add one.
 */
final class DiskFaults {
  private final AtomicReference<List<Place>> places = new AtomicReference<>(List.of());
  private final Set<Long> spoiled = ConcurrentHashMap.newKeySet(); // (A) blocks of which the last write failed

  private static final class Place {
    final long start;
    final long end;
    final FaultMode mode;

    Place(long start, long end, FaultMode mode) {
      this.start = start;
      this.end = end;
      this.mode = mode;
    }

    boolean hits(DiskRequest r) {
      return mode.hits(r.write) && r.block < end && start < r.block + r.blockCount;
    }
  }

  void add(long block, long count, FaultMode mode) {
    Place place = new Place(block, block + count, mode);
    places.updateAndGet(
        old -> {
          List<Place> now = new ArrayList<>(old);
          now.add(place);
          return List.copyOf(now);
        });
  }

  void clear() {
    places.set(List.of());
  }

  /** Notes how a write ended. */
  void written(DiskRequest r, boolean failed) {
    if (!failed && spoiled.isEmpty()) {
      return;
    }
    for (long b = r.block; b < r.block + r.blockCount; b++) {
      if (failed) {
        spoiled.add(b);
      } else {
        spoiled.remove(b);
      }
    }
  }

  /** Returns whether the last write of one of some blocks has failed. */
  boolean isSpoiled(long block, long count) {
    for (long b = block; b < block + count && !spoiled.isEmpty(); b++) {
      if (spoiled.contains(b)) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether a request that is about to begin shall fail; uses up the transient faults that it meets. */
  boolean hit(DiskRequest r) {
    List<Place> all = Objects.requireNonNull(places.get());
    if (all.isEmpty()) {
      return false;
    }
    while (true) {
      boolean hit = false;
      List<Place> left = new ArrayList<>();
      for (Place p : all) {
        boolean hits = p.hits(r);
        hit |= hits;
        if (!hits || p.mode.sticky()) {
          left.add(p);
        }
      }
      if (left.size() == all.size() || places.compareAndSet(all, List.copyOf(left))) {
        return hit;
      }
      all = Objects.requireNonNull(places.get());
    }
  }
}
