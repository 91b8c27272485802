package dev.faultline.vm.program.random;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Memory that several processes can reach: a shared mapping, or a file that is stored to. Each piece of it has one
 * owner.
 */
final class SharedMemory {
  /** 8 pieces a page, so that processes store side by side within one. */
  static final int PIECES_PER_PAGE = 8;
  private static final int RUN_MAX = 12;

  /**
   * Who may load and store; a process has one, and takes its parent's for as long as it runs in the parent's address
   * space.
   */
  static final class Owner {}

  private final List<Owner> owners = new ArrayList<>();

  SharedMemory(int pages, Owner first) {
    for (int i = 0; i < pages * PIECES_PER_PAGE; i++) {
      owners.add(first);
    }
  }

  /** Returns the owner of the piece that holds word {@code word} of page {@code page}. */
  Owner owner(int page, int word) {
    return owners.get(page * PIECES_PER_PAGE + word / (Layout.WORDS / PIECES_PER_PAGE));
  }

  /** Returns whether {@code who} owns all of page {@code page}. */
  boolean ownsPage(int page, Owner who) {
    for (int i = 0; i < PIECES_PER_PAGE; i++) {
      if (owners.get(page * PIECES_PER_PAGE + i) != who) {
        return false;
      }
    }
    return true;
  }

  /** Gives all that {@code from} owns to {@code to}. */
  void give(Owner from, Owner to) {
    owners.replaceAll(o -> o == from ? to : o);
  }

  /** Gives some of what {@code from} owns, in runs, to {@code to}. */
  void deal(Owner from, Owner to, SplittableRandom random) {
    deal(List.of(from, to), random);
  }

  /** Deals out what anyone of {@code among} owns, in runs, to all of them. */
  void deal(List<Owner> among, SplittableRandom random) {
    int i = 0;
    while (i < owners.size()) {
      Owner to = among.get(random.nextInt(among.size()));
      boolean keep = random.nextBoolean();
      for (int run = 1 + random.nextInt(RUN_MAX); run > 0 && i < owners.size(); run--, i++) {
        if (!keep && among.contains(owners.get(i))) {
          owners.set(i, to);
        }
      }
    }
  }
}
