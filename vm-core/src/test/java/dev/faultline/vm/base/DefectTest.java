package dev.faultline.vm.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.KernelConfig;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The sets of historical switches (vm-semantics 5.6). */
final class DefectTest {
  @Test
  void historical_isAllSwitches_butKillwaitAndSpl() {
    Set<Defect> left = EnumSet.allOf(Defect.class);
    left.removeAll(Defect.historical());
    left.removeIf(d -> !d.label().startsWith("H-"));
    assertThat(left).containsExactlyInAnyOrder(Defect.H_KILLWAIT, Defect.H_SPL);
    assertThat(Defect.historical()).containsAll(Defect.defaults());
  }

  @Test
  void named_takesOneDefect_orTheSet() {
    assertThat(Defect.named("h-qcoll")).containsExactly(Defect.H_QCOLL);
    assertThat(Defect.named("historical")).isEqualTo(Defect.historical());
    assertThatThrownBy(() -> Defect.named("H-NOPE"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no defect 'H-NOPE'; there are HISTORICAL, ");
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void boot_addsSplToNaive_andToNoOther(Mode mode) {
    MachineConfig machine = MachineConfig.builder().cpus(1).frames(16).diskBlocks(0).build();
    Set<Defect> booted = KernelConfig.builder(machine).mode(mode).build().defects();
    assertThat(booted.contains(Defect.H_SPL)).isEqualTo(mode == Mode.NAIVE);
    assertThat(booted).containsAll(Defect.defaults());
  }
}
