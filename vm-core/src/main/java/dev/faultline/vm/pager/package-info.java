/**
 * Pagers: where pages come from and go to. The default pager, which is none; the swap pager with its block tables and
 * its map of the swap area; the vnode pager with the vnodes and the volume that holds them.
 *
 * <p>Locks: S for the swap map, the control blocks and the list of swap objects; O(object) and S for block tables;
 * V(vnode) for a file's length and block map; VI(vnode) for the vnode's object; D for a transfer that somebody waits
 * for. Completions run on the disk's interrupt strand, which takes O and below and never sleeps. Implements
 * vm-semantics 2.5, 3.6, 5.7 (default_pager.c, swap_pager.c, vnode_pager.c).
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.pager;
