/**
 * The simulated machine: processors, MMU and TLBs, physical memory, disk and clock. Knows nothing of VM policy.
 */
package dev.faultline.hw;
