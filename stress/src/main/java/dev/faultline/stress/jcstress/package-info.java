/**
 * jcstress tests: one race a class, two threads on real hardware under a real compiler, over the real classes of the
 * machine and the kernel. {@code docs/jcstress.md} lists them and says how to run them.
 *
 * <p>A test's world is small (pages of 64 bytes, a handful of frames) and new for every sample; the threads are
 * jcstress's own, made into strands and kernel threads by {@link dev.faultline.stress.jcstress.Actors}. Rules of
 * writing one: house-style section 9.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.stress.jcstress;
