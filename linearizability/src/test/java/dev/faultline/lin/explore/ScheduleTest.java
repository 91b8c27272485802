package dev.faultline.lin.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Schedules as text. */
class ScheduleTest {
  @Test
  void text_isReadBack() throws Exception {
    Schedule s = new Schedule(Map.of("scenario", "x"), List.of(1, 1, 2, 1, 1, 1));
    assertThat(s.text()).isEqualTo("faultline-schedule 1\nscenario x\nsteps 2*1 2 3*1\n");
    assertThat(Schedule.parse(s.text())).isEqualTo(s);
    assertThat(s.switches()).isEqualTo(2);
  }

  @Test
  void otherTexts_areRefusedWithTheirLine() {
    assertThatThrownBy(() -> Schedule.parse("faultline-schedule 2\nsteps 1\n"))
        .hasMessage("line 1: a schedule of version 2; this explorer reads version 1");
    assertThatThrownBy(() -> Schedule.parse("hello")).hasMessageContaining("line 1: not a schedule");
    assertThatThrownBy(() -> Schedule.parse("faultline-schedule 1\na b\nsteps 1 x\n"))
        .hasMessageContaining("line 3: 'x'");
    assertThatThrownBy(() -> Schedule.parse("faultline-schedule 1\nsteps 99999999*1\n"))
        .hasMessageContaining("line 2");
    assertThatThrownBy(() -> Schedule.parse("faultline-schedule 1\n")).hasMessageContaining("steps");
  }
}
