/**
 * One execution under control: the strands of a program run one at a time, and at every schedule point a {@link
 * dev.faultline.lin.explore.engine.Chooser} says who goes on.
 *
 * <p>No locks: everything here belongs to the strand that runs, and is handed over with the turn. Architecture
 * decision 2.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore.engine;
