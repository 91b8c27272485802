/**
 * Lincheck's model checker over kernel scenarios, and the strands for threads that it owns. See docs/lincheck.md.
 *
 * <p>No locks; Lincheck runs one test at a time in a process.
 */
@NullMarked
package dev.faultline.lin.lincheck;

import org.jspecify.annotations.NullMarked;
