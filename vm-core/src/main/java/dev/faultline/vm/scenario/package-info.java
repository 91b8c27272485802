/**
 * Small worlds with actors and a check, and what tests need to steer them: gates in the fault handler and a record of
 * its decisions.
 *
 * <p>Nothing in the kernel depends on this package. Architecture, "One scenario, four engines".
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.scenario;
