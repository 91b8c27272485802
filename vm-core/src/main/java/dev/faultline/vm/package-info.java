/**
 * The kernel. A kernel owns its whole world and there are no statics; the parts live in the packages below this one,
 * named as the 1995 system names them.
 */
package dev.faultline.vm;
