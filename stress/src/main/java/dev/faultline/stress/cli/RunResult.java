package dev.faultline.stress.cli;

import dev.faultline.vm.detect.Finding;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How one run of a program ended.
 *
 * @param findings what was found wrong
 * @param killed pids of the processes that were killed for want of memory, in order
 * @param death what the kernel died of, or null
 */
record RunResult(
    long seed, List<Finding> findings, List<Long> killed, @Nullable Throwable death, RunStatistics statistics) {}
