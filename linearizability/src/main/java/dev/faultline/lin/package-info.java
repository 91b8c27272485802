/**
 * Sequential specifications of the kernel's data structures, and the checking of the concurrent ones against them.
 */
package dev.faultline.lin;
