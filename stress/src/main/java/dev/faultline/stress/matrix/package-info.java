/** Which engine finds which defect in which scenario, and how soon. Has no state and no locks. */
@NullMarked
package dev.faultline.stress.matrix;

import org.jspecify.annotations.NullMarked;
