/**
 * Exhaustive exploration without repetition: optimal dynamic partial-order reduction (Abdulla, Aronis, Jonsson,
 * Sagonas,
 * POPL 2014, JACM 2017), with source sets and wakeup trees.
 *
 * <p>No locks: everything belongs to the strand that has the turn.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore.dpor;
