package dev.faultline.vm.fault;

import dev.faultline.vm.scenario.World;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInfo;

/** Tests that show outcomes of decisions, for the table of docs/decisions.md. */
abstract class DecisionTests extends FaultTests {
  /** The last of the classes to end settles what the table says. */
  @AfterAll
  static void settle(TestInfo info) throws IOException {
    DecisionLedger.ended(info.getDisplayName());
  }

  static void t(World w, Decision... ds) {
    for (Decision d : ds) {
      DecisionLedger.shows(w, d, true);
    }
  }

  static void f(World w, Decision... ds) {
    for (Decision d : ds) {
      DecisionLedger.shows(w, d, false);
    }
  }
}
