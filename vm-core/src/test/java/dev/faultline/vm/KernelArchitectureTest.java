package dev.faultline.vm;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.SYNCHRONIZED;
import static com.tngtech.archunit.lang.conditions.ArchConditions.accessTargetWhere;
import static com.tngtech.archunit.lang.conditions.ArchConditions.dependOnClassesThat;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The arrows between the kernel's packages, and the one place where a thread may block.
 *
 * <p>What fails here is a decision of the design: change the code, or change the design and then the rule.
 */
final class KernelArchitectureTest {
  private static final String VM = "dev.faultline.vm";

  /** The parts of the kernel, lowest first; a part may use those of its own row and of the rows before it. */
  private static final List<List<String>> ROWS =
      List.of(
          List.of("base", "sync", "trace"),
          List.of("page", "pmap"),
          List.of("object"),
          List.of("pager", "map"),
          List.of("buf"), // above the vnode pager, whose I/O it does
          List.of("fault", "pageout"),
          List.of("proc"),
          List.of(""), // dev.faultline.vm itself: the Kernel, which puts the parts together
          List.of("program", "scenario", "detect"));

  /** Blocking or timing by these would be out of the explorer's sight. */
  private static final Set<String> FORBIDDEN_TYPES =
      Set.of(
          "java.util.Timer",
          "java.util.concurrent.BlockingQueue",
          "java.util.concurrent.CompletableFuture",
          "java.util.concurrent.CountDownLatch",
          "java.util.concurrent.CyclicBarrier",
          "java.util.concurrent.Exchanger",
          "java.util.concurrent.Executor",
          "java.util.concurrent.Future",
          "java.util.concurrent.Phaser",
          "java.util.concurrent.Semaphore",
          "java.util.concurrent.ThreadLocalRandom",
          "java.util.concurrent.locks.AbstractOwnableSynchronizer",
          "java.util.concurrent.locks.LockSupport",
          "java.util.concurrent.locks.ReentrantLock",
          "java.util.concurrent.locks.ReentrantReadWriteLock",
          "java.util.concurrent.locks.StampedLock");

  private static final Set<String> FORBIDDEN_CALLS =
      Set.of(
          "java.lang.Math.random",
          "java.lang.Object.notify",
          "java.lang.Object.notifyAll",
          "java.lang.Object.wait",
          "java.lang.System.currentTimeMillis",
          "java.lang.System.identityHashCode",
          "java.lang.System.nanoTime",
          "java.lang.Thread.<init>",
          "java.lang.Thread.join",
          "java.lang.Thread.onSpinWait",
          "java.lang.Thread.sleep",
          "java.lang.Thread.start",
          "java.lang.Thread.yield",
          "java.time.Clock.systemDefaultZone",
          "java.time.Clock.systemUTC",
          "java.time.Instant.now");

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(location -> !location.contains("/test-classes/")) // wherever the build puts them
          .importPackages("dev.faultline.hw", VM);

  @Test
  void rules_seeBothModules() {
    assertThat(CLASSES).extracting(JavaClass::getPackageName).contains("dev.faultline.hw", VM);
  }

  @Test
  void everyPartOfTheKernel_hasItsRow() {
    Set<String> known = new HashSet<>();
    ROWS.forEach(known::addAll);
    Set<String> unknown = new TreeSet<>();
    for (JavaClass c : CLASSES) {
      String part = part(c);
      if (part != null && !known.contains(part)) {
        unknown.add(part);
      }
    }
    assertThat(unknown).as("parts of the kernel that no row of this test names").isEmpty();
  }

  static Stream<Integer> rows() {
    return Stream.iterate(0, i -> i < ROWS.size() - 1, i -> i + 1);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void aPart_usesNothingAboveIt(int row) {
    List<String> above = ROWS.subList(row + 1, ROWS.size()).stream().flatMap(List::stream).toList();
    check(
        noClasses()
            .that(describe("are of " + names(ROWS.get(row)), c -> isPartOf(c, ROWS.get(row))))
            .should(dependOnClassesThat(describe("are of " + names(above), c -> isPartOf(c, above))))
            .because("a lower part calls up only through an interface that it declares itself"));
  }

  /** Everything else may say what it does; so traces can know nothing of it, and what is recorded is numbers. */
  @Test
  void traces_knowTheBaseAndTheMachineAlone() {
    check(
        noClasses()
            .that(describe("are of trace", c -> isPartOf(c, List.of("trace"))))
            .should(dependOnClassesThat(describe("are of the kernel, and not of base",
                c -> part(c) != null && !isPartOf(c, List.of("base", "trace"))))));
  }

  @Test
  void theMachine_knowsNothingOfTheKernel() {
    check(
        noClasses()
            .that()
            .resideInAPackage("dev.faultline.hw..")
            .should(dependOnClassesThat(resideInAnyPackage(VM + ".."))));
  }

  @Test
  void onlyStrands_blockOrWake() {
    checkOutsideStrand(
        dependOnClassesThat(describe("block, wake or time a thread", KernelArchitectureTest::isForbidden)));
    check(noClasses().that(areOutsideStrand()).should().beAssignableTo(Thread.class));
  }

  @Test
  void onlyStrands_handleThreadsOrReadTheClock() {
    checkOutsideStrand(
        accessTargetWhere(describe("it handles a thread or reads a clock", KernelArchitectureTest::isForbidden)));
  }

  /** Synchronized blocks are Checkstyle's to find, see {@code config/checkstyle/checkstyle.xml}. */
  @Test
  void onlyStrands_haveSynchronizedMethods() {
    check(noMethods().that().areDeclaredInClassesThat(areOutsideStrand()).should().haveModifier(SYNCHRONIZED));
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(CLASSES);
  }

  private static void checkOutsideStrand(ArchCondition<JavaClass> what) {
    check(
        noClasses()
            .that(areOutsideStrand())
            .should(what)
            .because("all that goes through dev.faultline.hw.strand, where the explorer sees it"));
  }

  private static DescribedPredicate<JavaClass> areOutsideStrand() {
    return describe(
        "are outside dev.faultline.hw.strand",
        c -> !c.getPackageName().equals("dev.faultline.hw.strand")
            && !c.getPackageName().startsWith("dev.faultline.hw.strand."));
  }

  private static boolean isForbidden(JavaClass c) {
    return FORBIDDEN_TYPES.stream().anyMatch(c::isAssignableTo);
  }

  private static boolean isForbidden(JavaAccess<?> access) {
    String owner = access.getTargetOwner().isAssignableTo(Thread.class)
        ? Thread.class.getName()
        : access.getTargetOwner().getName();
    String method = access.getTarget().getName();
    return FORBIDDEN_CALLS.contains(owner + "." + method)
        // Whatever the static type, these three are final methods of Object.
        || (FORBIDDEN_CALLS.contains("java.lang.Object." + method)
            && access.getTarget().getFullName().matches(".*\\.(notify|notifyAll|wait)\\((long(, int)?)?\\)"));
  }

  /** The part of the kernel that a class is of, {@code ""} for the root package, null for what is not the kernel. */
  private static String part(JavaClass c) {
    String name = c.getPackageName();
    if (name.equals(VM)) {
      return "";
    }
    return name.startsWith(VM + ".") ? name.substring(VM.length() + 1).split("\\.", 2)[0] : null;
  }

  private static boolean isPartOf(JavaClass c, List<String> parts) {
    String part = part(c);
    return part != null && parts.contains(part);
  }

  private static String names(List<String> parts) {
    return Arrays.toString(parts.stream().map(p -> p.isEmpty() ? VM : p).toArray());
  }
}
