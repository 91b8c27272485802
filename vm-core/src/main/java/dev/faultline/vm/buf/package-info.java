/**
 * The buffer cache, as far as the objects of files need it: buffers that list pages of a file's object, through which
 * read and write move chunks of a page, so that pages become valid, and dirty, in part.
 *
 * <p>Locks: D for the pool (who owns which buffer, what it is of, the order of reuse); V(vnode) for the making of a
 * file's buffers and all that is read or written through them; O(object) for bmapped, and with it for the pages' valid
 * and dirty. Completions run on the disk's interrupt strand, which takes O, then D, and never sleeps. Implements
 * vm-semantics 3.7 (vfs_bio.c); docs/buffers.md says what differs from 1995.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.buf;
