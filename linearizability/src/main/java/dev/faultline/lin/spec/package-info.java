/**
 * Sequential specifications, written from the semantics and apart from the kernel's classes: what its structures do
 * when one operation runs at a time. Nothing here is thread-safe.
 */
package dev.faultline.lin.spec;
