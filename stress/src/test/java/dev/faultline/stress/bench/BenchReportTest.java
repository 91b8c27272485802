package dev.faultline.stress.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class BenchReportTest {
  @Test
  void names_areThoseWithAMatch_inClassOrMethod() {
    assertThat(BenchReport.names("")).contains("BareCosts.copyPage", "BootCost.bootTiny", "HostFaults.zeroFill");
    assertThat(BenchReport.names("zeroFill")).containsExactly("FaultCosts.zeroFill", "HostFaults.zeroFill");
    assertThat(BenchReport.names("FaultCosts.zeroFill")).containsExactly("FaultCosts.zeroFill");
    assertThat(BenchReport.names("HostFaults")).contains("HostFaults.zeroFill").allMatch(
        n -> n.startsWith("HostFaults."));
    assertThat(BenchReport.names("nosuch")).isEmpty();
  }
}
