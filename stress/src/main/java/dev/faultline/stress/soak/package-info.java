/**
 * Soak: worlds drawn at random (programs, machines, devices that misbehave), each run once on real threads under every
 * detector, for a time.
 *
 * <p>Nothing here is shared between worlds but the tally, which is one object under its own monitor.
 */
@NullMarked
package dev.faultline.stress.soak;

import org.jspecify.annotations.NullMarked;
