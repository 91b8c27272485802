package dev.faultline.vm.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Mode;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The list of entries and its index, against a sorted map. */
@Timeout(300)
final class EntryListTest {
  private static final int PAGE = MapWorld.PAGE;
  private static final int SLOTS = 100_000;
  private static final long MAX = 4L * SLOTS * PAGE;

  private final MapWorld world = new MapWorld(Mode.FIXED);
  private final VmMap map = new VmMap(world.maps, null, 0, MAX, false);
  private final EntryList list = new EntryList(0, MAX);
  private final TreeMap<Long, VmMapEntry> model = new TreeMap<>();

  @AfterEach
  void endWorld() {
    list.checkInvariants(map, PAGE);
    world.close();
  }

  private void link(long start, long end) {
    VmMapEntry e = new VmMapEntry(start, end);
    list.link(list.floor(start), e);
    model.put(start, e);
  }

  private void unlink(VmMapEntry e) {
    list.unlink(e);
    model.remove(e.start);
  }

  private void compareAt(long va) {
    var floor = model.floorEntry(va);
    VmMapEntry expected = floor == null ? list.header : floor.getValue();
    assertThat(list.floor(va)).as("floor of %d", va).isSameAs(expected);
    assertThat(list.find(va)).as("entry at %d", va).isSameAs(va < expected.end ? expected : null);
  }

  /** Order of insertion: ascending, descending, shuffled. */
  @ParameterizedTest
  @ValueSource(strings = {"ascending", "descending", "shuffled"})
  void finds_amongAHundredThousand(String order) {
    int[] slots = new int[SLOTS];
    Random random = new Random(7);
    for (int i = 0; i < SLOTS; i++) {
      slots[i] = order.equals("descending") ? SLOTS - 1 - i : i;
      if (order.equals("shuffled")) {
        int j = random.nextInt(i + 1);
        slots[i] = slots[j];
        slots[j] = i;
      }
    }
    for (int slot : slots) {
      link(2L * slot * PAGE, (2L * slot + 1) * PAGE); // every second page is a hole
    }
    for (int i = 0; i < 20_000; i++) {
      compareAt((long) (random.nextDouble() * MAX));
    }
    list.checkInvariants(map, PAGE);
    for (VmMapEntry e : model.values().toArray(new VmMapEntry[0])) {
      if (random.nextInt(3) != 0) {
        unlink(e);
      }
    }
    for (int i = 0; i < 20_000; i++) {
      compareAt((long) (random.nextDouble() * MAX));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void staysInStep_underRandomChanges(int seed) {
    Random random = new Random(seed);
    int span = 40 * (seed % 4 + 1) * 20; // small enough to be full at times, large enough for several blocks
    for (int n = 0; n < 5_000; n++) {
      long va = (long) random.nextInt(span) * PAGE;
      VmMapEntry e = list.find(va);
      if (e == null) {
        long end = Math.min(va + (1L + random.nextInt(3)) * PAGE, list.firstEndingAbove(va).start);
        link(va, end > va ? end : va + PAGE);
      } else if (e.end - e.start > PAGE && random.nextBoolean()) {
        split(e, e.start + PAGE, random.nextBoolean());
      } else if (random.nextInt(3) == 0) {
        unlink(e);
      } else if (e.next != list.header && e.end < e.next.start) {
        list.extend(e, e.end + PAGE);
      }
      compareAt((long) random.nextInt(span) * PAGE);
      long length = (1L + random.nextInt(6)) * PAGE;
      long from = (long) random.nextInt(span) * PAGE;
      assertThat(list.findSpace(from, length)).isEqualTo(firstFit(from, length));
      assertThat(list.findSpace(0, length)).isEqualTo(firstFit(0, length));
      if (n % 500 == 0) {
        list.checkInvariants(map, PAGE);
      }
    }
  }

  private void split(VmMapEntry e, long va, boolean front) {
    VmMapEntry twin = e.twin();
    model.remove(e.start);
    if (front) {
      list.splitFront(e, twin, va);
    } else {
      list.splitRear(e, twin, va);
    }
    model.put(e.start, e);
    model.put(twin.start, twin);
  }

  private long firstFit(long from, long length) {
    long at = from;
    var floor = model.floorEntry(from);
    if (floor != null) {
      at = Math.max(at, floor.getValue().end);
    }
    for (VmMapEntry e : model.tailMap(from, false).values()) {
      if (e.start - at >= length) {
        return at;
      }
      at = Math.max(at, e.end);
    }
    return at + length <= MAX ? at : -1;
  }

  @Test
  void findSpace_refusesWhatOverflows() {
    assertThat(list.findSpace(0, Long.MAX_VALUE)).isEqualTo(-1);
    assertThat(list.findSpace(MAX, PAGE)).isEqualTo(-1);
    assertThat(list.findSpace(Long.MAX_VALUE, PAGE)).isEqualTo(-1);
    assertThat(list.findSpace(0, MAX)).isZero();
  }
}
