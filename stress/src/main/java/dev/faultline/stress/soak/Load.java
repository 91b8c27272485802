package dev.faultline.stress.soak;

/** What runs on a soaked world. */
public enum Load {
  /** A random program whose output has one right answer, compared with the reference. */
  RANDOM("random"),
  /** A random program whose processes race for shared memory and files; the oracle alone judges it. */
  RACING("racing"),
  /** A random program of processes that share memory, fork copies of it and end, while memory is short. */
  FAMILY("family"),
  /** A scenario of the registry, again and again, each time in a small world of its own. */
  SCENARIO("scenario"),
  /** The recorded memory of {@code ls}. */
  LS("ls", 67),
  /** The recorded memory of a shell pipeline. */
  SHELL("shell-pipeline", 112),
  /** The recorded memory of a Perl program that forks over its heap. */
  PERL("perl-fork-cow", 183),
  /** The recorded memory of SQLite on a mapped database. */
  SQLITE("sqlite-mmap", 172);

  private static final Load[] TRACES = {LS, SHELL, PERL, SQLITE};

  private final String label; // (C)
  private final int fewFrames; // (C) a quarter of the pages that a trace touches; 0 if it is no trace

  Load(String label) {
    this(label, 0);
  }

  Load(String label, int fewFrames) {
    this.label = label;
    this.fewFrames = fewFrames;
  }

  static Load trace(int i) {
    return TRACES[Math.floorMod(i, TRACES.length)];
  }

  /** Returns the name in plans and reports. */
  public String label() {
    return label;
  }

  boolean isTrace() {
    return fewFrames != 0;
  }

  int fewFrames() {
    return fewFrames;
  }

  /** Returns where a trace is among this module's resources. */
  String resource() {
    return "/traces/" + label + ".vm.gz";
  }
}
