package dev.faultline.hw.strand;

/** Something shared that steps are about, with a name that an engine knows it by in every schedule. */
public interface Subject {
  /** Returns the name that it got from {@link Strand#nameOfNew} when it was made, or 0. */
  long subjectName();
}
