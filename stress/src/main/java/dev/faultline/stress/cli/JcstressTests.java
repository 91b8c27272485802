package dev.faultline.stress.cli;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.infra.StateCase;
import org.openjdk.jcstress.infra.TestInfo;
import org.openjdk.jcstress.infra.runners.TestList;
import org.openjdk.jcstress.util.TestLineReader;

/**
 * The jcstress tests of a class path, as jcstress's annotation processor listed them there: what is asked for, to be
 * compared with what has results.
 */
final class JcstressTests {
  /*
   * Implementation overview
   *
   * jcstress's own TestList reads the list of the JVM that it is in, and only that. The child may have another class
   * path, so the list is read from there, in the order and by the reader of 0.16.
   */
  private JcstressTests() {}

  /** Returns the tests whose name {@code regex} matches somewhere, by name. */
  static Map<String, TestInfo> matching(String classPath, Pattern regex) throws IOException {
    Map<String, TestInfo> tests = new TreeMap<>();
    try (URLClassLoader loader = new URLClassLoader(urls(classPath), null);
        InputStream in = loader.getResourceAsStream(TestList.LIST.substring(1))) {
      if (in == null) {
        throw new IOException("no jcstress tests in " + classPath);
      }
      BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        TestInfo test = read(new TestLineReader(line));
        if (test != null && regex.matcher(test.name()).find()) {
          tests.put(test.name(), test);
        }
      }
    }
    return tests;
  }

  private static URL[] urls(String classPath) throws MalformedURLException {
    List<URL> urls = new ArrayList<>();
    for (String entry : List.of(classPath.split(File.pathSeparator, -1))) {
      urls.add(new File(entry).toURI().toURL());
    }
    return urls.toArray(new URL[0]);
  }

  private static @Nullable TestInfo read(TestLineReader line) {
    if (!line.isCorrect()) {
      return null;
    }
    String name = line.nextString();
    String binaryName = line.nextString();
    String runner = line.nextString();
    String description = line.nextString();
    int actors = line.nextInt();
    List<String> actorNames = new ArrayList<>();
    for (int i = 0; i < actors; i++) {
      actorNames.add(line.nextString());
    }
    TestInfo test = new TestInfo(name, binaryName, runner, description, actors, actorNames, line.nextBoolean());
    int cases = line.nextInt();
    for (int i = 0; i < cases; i++) {
      Expect expect = Expect.values()[line.nextInt()];
      String meaning = line.nextString();
      int ids = line.nextInt();
      for (int n = 0; n < ids; n++) {
        test.addCase(new StateCase(Pattern.compile(line.nextString()), expect, meaning));
      }
    }
    return test;
  }
}
