/**
 * Everything that puts the kernel under load: jcstress tests, soak, hunts, campaigns, reports and the command line.
 */
package dev.faultline.stress;
