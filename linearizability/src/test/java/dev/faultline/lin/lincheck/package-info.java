/** Lincheck suites: the kernel's structures against their sequential specifications. See docs/lincheck.md. */
package dev.faultline.lin.lincheck;
