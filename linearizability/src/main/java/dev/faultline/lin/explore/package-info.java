/**
 * The explorer: runs a small program, or a scenario of the kernel, under chosen schedules, and says what it saw: a
 * finding with the schedule that shows it again, that all classes of schedules were explored, or how far it came.
 *
 * <p>Locks: none; see {@link dev.faultline.lin.explore.engine}.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore;
