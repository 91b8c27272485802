/**
 * Address translation: one pmap for each address space, and for each page the list of its mappings.
 *
 * <p>Locks: P(pmap) for the shape of a page table and for every word that becomes non-zero; PV(frame) for every word
 * that maps the frame, its list of mappings, and the page's flags MAPPED and WRITEABLE. Processors change words
 * beside the kernel, so all changes are atomic and end with a shootdown where they take something away. Implements
 * vm-semantics 2.4, 3.9, 5.7 (wiring) and the kernel's side of 6.2 (pmap.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.pmap;
