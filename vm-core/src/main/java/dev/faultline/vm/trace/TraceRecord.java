package dev.faultline.vm.trace;

/**
 * One event that happened.
 *
 * @param place its place in the order of all events of its kernel, from 1
 * @param strand the number of the strand that made the step
 */
public record TraceRecord(long place, int strand, TraceEvent event, long a, long b, long c) {
  long arg(int i) {
    return i == 0 ? a : i == 1 ? b : c;
  }
}
