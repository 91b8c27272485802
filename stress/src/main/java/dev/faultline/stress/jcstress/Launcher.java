package dev.faultline.stress.jcstress;

import java.util.ArrayList;
import java.util.List;

/**
 * The main class of jcstress.jar: jcstress's own, with two defaults for {@code -m sanity} that an option given on the
 * command line overrides. Actors are compiled alike ({@code -sc false}), as going through every combination of
 * compilers is not what one sample is for and takes four times as long; and an iteration lasts 10 ms, as in one of 0 ms
 * a Termination test has no sample at all, and passes.
 */
public final class Launcher {
  private Launcher() {}

  /** Runs jcstress. */
  public static void main(String[] args) throws Exception {
    List<String> options = new ArrayList<>(List.of(args));
    int mode = options.indexOf("-m");
    if (mode >= 0 && mode + 1 < options.size() && options.get(mode + 1).equalsIgnoreCase("sanity")) {
      addUnlessGiven(options, "-sc", "false");
      addUnlessGiven(options, "-time", "10");
    }
    org.openjdk.jcstress.Main.main(options.toArray(new String[0]));
  }

  private static void addUnlessGiven(List<String> options, String name, String value) {
    if (!options.contains(name)) {
      options.addAll(List.of(name, value));
    }
  }
}
