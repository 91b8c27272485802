package dev.faultline.stress;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.Test;

/** The arrows between the modules: {@code hw <- vm <- lin <- stress}. Those inside the kernel are tested with it. */
final class ModuleArchitectureTest {
  @Test
  void arrows_pointDownOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("dev.faultline..")
        .withOptionalLayers(true)
        .layer("hw-sim")
        .definedBy("dev.faultline.hw..")
        .layer("vm-core")
        .definedBy("dev.faultline.vm..")
        .layer("linearizability")
        .definedBy("dev.faultline.lin..")
        .layer("stress")
        .definedBy("dev.faultline.stress..")
        .whereLayer("stress")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("linearizability")
        .mayOnlyBeAccessedByLayers("stress")
        .whereLayer("vm-core")
        .mayOnlyBeAccessedByLayers("linearizability", "stress")
        .whereLayer("hw-sim")
        .mayOnlyBeAccessedByLayers("vm-core", "linearizability", "stress")
        .ensureAllClassesAreContainedInArchitecture()
        .check(
            new ClassFileImporter()
                .withImportOption(location -> !location.contains("/test-classes/")) // wherever the build puts them
                .importPackages("dev.faultline"));
  }
}
