/**
 * Strands: the only place in hw-sim and vm-core that starts, parks, wakes, times or spins a thread, and that owns the
 * schedule points.
 *
 * <p>Everything that runs in a simulated world (a process, the pageout daemon, a disk's interrupt side, a shootdown
 * agent) is a {@link dev.faultline.hw.strand.Strand}. By default a strand is a plain Java thread ({@link
 * dev.faultline.hw.strand.ThreadStrands}), one of many that run or, by a seed, one of which runs at a time ({@link
 * dev.faultline.hw.strand.SerialStrands}); an engine that explores schedules supplies its own {@link
 * dev.faultline.hw.strand.Strands} and runs the same code one strand at a time. Architecture decision 2.
 */
@org.jspecify.annotations.NullMarked
package dev.faultline.hw.strand;
