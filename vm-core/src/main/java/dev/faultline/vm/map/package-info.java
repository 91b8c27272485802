/**
 * Address maps: entries, lookup with shadow creation, share maps, protection, inheritance, wiring's two passes, fork.
 *
 * <p>Lock: M(map), rank 10, a sleepable read/write lock with upgrade; a main map before its share map, a parent
 * released before its submap. References to objects and share maps that an operation gives up are dropped after the
 * thread's last map lock is released (R29). Declares the interfaces through which it calls the fault handler's wiring
 * and whoever observes maps. Implements vm-semantics 2.3, 2.6, 3.4, 5.7 (vm_map.c, and vmspace of vm_glue.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.map;
