/** Who goes on: random walks, priorities, replay, bounded exhaustion. No locks: all belongs to who has the turn. */
@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore.strategy;
