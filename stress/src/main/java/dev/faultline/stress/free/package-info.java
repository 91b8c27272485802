/**
 * The stress engine: scenarios on real threads that run freely, one world after another, many side by side.
 *
 * <p>Worlds share nothing; what has been counted is under one monitor.
 */
@NullMarked
package dev.faultline.stress.free;

import org.jspecify.annotations.NullMarked;
