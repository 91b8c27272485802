package dev.faultline.vm.program.random;

import java.util.ArrayList;
import java.util.List;

/**
 * A process and some of its children that meet at a barrier of their own, each a fixed number of times. Teams form a
 * tree, and nobody waits for a child before both have been to all of their meetings, so they always end.
 */
final class Team {
  final String barrier;
  final int meetings;
  final List<Actor> members = new ArrayList<>();
  final List<Actor> waiting = new ArrayList<>();

  Team(String barrier, int meetings) {
    this.barrier = barrier;
    this.meetings = meetings;
  }
}
