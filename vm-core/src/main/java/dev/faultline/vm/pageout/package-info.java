/**
 * Pageout: the daemon, its scan of the queues, and the cleaning of dirty pages in clusters.
 *
 * <p>Takes Q, tries O and V from below, and cleans with O alone; owns no lock. Implements vm-semantics 3.5 and 5.7
 * (vm_pageout.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.pageout;
