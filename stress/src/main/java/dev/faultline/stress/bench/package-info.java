/**
 * JMH benchmarks of the kernel, beside what bounds them on the host.
 */
package dev.faultline.stress.bench;
