/**
 * Resident pages: the page structures, their index by (object, offset), the pageout queues, the free lists and the
 * allocator.
 *
 * <p>Locks: O(page.object) for identity and busy state, Q for the queues, H for hash chains, F for the free lists, the
 * gauges free_count and cache_count, and the waits for memory. Implements vm-semantics 1.3, 1.5, 2.1, 2.7, 3.2, 5.7
 * (vm_page.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.page;
