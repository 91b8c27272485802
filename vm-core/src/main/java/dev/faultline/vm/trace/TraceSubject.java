package dev.faultline.vm.trace;

/** Something that events are about. It is recorded by its kind and number, never by reference. */
public interface TraceSubject {
  /** Returns what sort of thing this is. */
  TraceKind traceKind();

  /** Returns its number among the things of its kind, 0 to 2^56 less 1, the same in every run of one schedule. */
  long traceId();
}
