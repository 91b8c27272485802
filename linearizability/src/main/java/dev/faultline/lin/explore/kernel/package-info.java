/** Scenarios of the kernel under the explorer. No locks of its own. */
@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore.kernel;
