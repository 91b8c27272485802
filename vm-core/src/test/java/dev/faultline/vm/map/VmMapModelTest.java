package dev.faultline.vm.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Entry arithmetic: random operations against a model that keeps one record a page.
 *
 * <p>What a page is backed by is not predicted for anonymous memory, but watched: once it has an object and an offset
 * it keeps them until it is unmapped, and no two pages have the same.
 */
@Timeout(300)
final class VmMapModelTest {
  private static final int PAGE = MapWorld.PAGE;
  private static final int PAGES = 48; // few, so that operations meet

  private record Backing(VmObject object, long offset) {}

  /** What the model knows of one mapped page. */
  private static final class Page {
    int prot;
    int max;
    Inheritance inheritance = Inheritance.COPY;
    @Nullable Boolean cow; // null: not seen yet, as an extended entry keeps its own
    boolean isAnonymous;
    @Nullable Backing backing; // null: not seen yet
  }

  private Page[] model = new Page[PAGES];
  private final List<VmObject> shared = new ArrayList<>(); // the test keeps a reference to each

  static List<Object[]> runs() {
    return runs(1, 9);
  }

  static List<Object[]> manyRuns() {
    return runs(9, 109);
  }

  private static List<Object[]> runs(int from, int to) {
    List<Object[]> runs = new ArrayList<>();
    for (int seed = from; seed < to; seed++) {
      runs.add(new Object[] {seed % 3 == 0 ? Mode.UP : Mode.FIXED, seed});
    }
    return runs;
  }

  @ParameterizedTest(name = "{0} seed {1}")
  @MethodSource("runs")
  void map_doesWhatTheModelDoes(Mode mode, int seed) {
    run(mode, seed, 1_000);
  }

  @ParameterizedTest(name = "{0} seed {1}")
  @MethodSource("manyRuns")
  @Tag("slow")
  void map_doesWhatTheModelDoes_forLong(Mode mode, int seed) {
    run(mode, seed, 5_000);
  }

  private void run(Mode mode, int seed, int steps) {
    try (MapWorld world = new MapWorld(mode)) {
      Vmspace space = world.in(() -> new Vmspace(world.maps, "model", MapWorld.MIN, MapWorld.at(PAGES)));
      Random random = new Random(seed);
      world.in(() -> {
        for (int i = 0; i < 4; i++) {
          shared.add(world.object(PAGES * 2L));
        }
      });
      List<String> history = new ArrayList<>();
      for (int n = 0; n < steps; n++) {
        String what = world.in(() -> step(world, space, random));
        history.add(what);
        try {
          compare(world, space);
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError("after step " + n + ": " + history.subList(Math.max(0, n - 8), n + 1), e);
        }
      }
      world.in(() -> shared.forEach(VmObject::deallocate));
      world.finish(List.of(space));
    }
  }

  private String step(MapWorld world, Vmspace space, Random random) {
    VmMap map = space.map();
    int from = random.nextInt(PAGES);
    int to = Math.min(PAGES, from + 1 + random.nextInt(random.nextBoolean() ? 4 : PAGES));
    long start = MapWorld.at(from);
    long end = MapWorld.at(to);
    int prot = random.nextInt(8);
    String range = from + "-" + to;
    switch (random.nextInt(12)) {
      case 0, 1 -> {
        Mapping what = mapping(random, prot);
        KernReturn r = map.mapFixed(what, start, end);
        boolean legal = (what.protection() & ~what.maxProtection()) == 0;
        assertThat(r).isEqualTo(legal ? KernReturn.SUCCESS : KernReturn.PROTECTION_FAILURE);
        return "mapFixed " + range + " " + settle(what, legal, from, to, true);
      }
      case 2 -> {
        Mapping what = mapping(random, VmProt.ALL).withProtection(VmProt.ALL);
        Mapping plain = new Mapping(what.object(), what.offset(), false, false, VmProt.ALL, VmProt.ALL,
            Inheritance.COPY);
        boolean free = isFree(from, to);
        assertThat(map.find(plain, start, end)).isEqualTo(free ? KernReturn.SUCCESS : KernReturn.NO_SPACE);
        return "find " + range + " " + settle(plain, free, from, to, false);
      }
      case 3 -> {
        int pages = 1 + random.nextInt(6);
        long at = map.findAnywhere(Mapping.anonymous(), start, (long) pages * PAGE);
        int expected = firstFit(from, pages);
        assertThat(at).isEqualTo(expected < 0 ? -1 : MapWorld.at(expected));
        if (expected >= 0) {
          settle(Mapping.anonymous(), true, expected, expected + pages, false);
        }
        return "findAnywhere from " + from + " pages " + pages + " at " + expected;
      }
      case 4 -> {
        assertThat(map.remove(start, end)).isEqualTo(KernReturn.SUCCESS);
        for (int i = from; i < to; i++) {
          model[i] = null;
        }
        return "remove " + range;
      }
      case 5, 6 -> {
        return "protect " + range + " " + VmProt.toString(prot) + protect(map, from, to, prot, random.nextInt(8) == 0);
      }
      case 7 -> {
        Inheritance i = Inheritance.values()[random.nextInt(3)];
        assertThat(map.inherit(start, end, i)).isEqualTo(KernReturn.SUCCESS);
        mapped(from, to).forEach(p -> p.inheritance = i);
        return "inherit " + range + " " + i;
      }
      case 8 -> {
        map.simplify(start);
        return "simplify " + from;
      }
      case 9 -> {
        boolean whole = mapped(from, to).size() == to - from
            && mapped(from, to).stream().allMatch(p -> (prot & ~p.prot) == 0);
        assertThat(map.checkProtection(start, end, prot)).isEqualTo(whole);
        return "checkProtection " + range;
      }
      case 10 -> {
        Page p = model[from];
        int type = prot | VmProt.READ;
        boolean legal = p != null && (type & ~p.prot) == 0;
        assertThat(world.touch(map, start, type) == KernReturn.SUCCESS).isEqualTo(legal);
        return "touch " + from;
      }
      default -> {
        return "lookup " + from + " " + lookup(map, from, prot);
      }
    }
  }

  private Mapping mapping(Random random, int prot) {
    if (random.nextInt(3) == 0) {
      return Mapping.anonymous();
    }
    VmObject o = random.nextBoolean() ? shared.get(random.nextInt(shared.size())) : null;
    if (o != null) {
      o.reference();
    }
    boolean cow = random.nextInt(4) == 0;
    int max = random.nextInt(4) == 0 ? prot & random.nextInt(8) : VmProt.ALL;
    long offset = o == null ? 0 : (long) random.nextInt(PAGES) * PAGE;
    return new Mapping(o, offset, cow, false, prot, max, Inheritance.values()[random.nextInt(3)]);
  }

  /** Brings the model up to date with a mapping call, which consumed its reference only if it was granted. */
  private String settle(Mapping what, boolean granted, int from, int to, boolean replace) {
    if (!granted) {
      if (what.object() != null) {
        what.object().deallocate();
      }
      return "refused " + what;
    }
    for (int i = from; i < to; i++) {
      assertThat(replace || model[i] == null).isTrue();
      Page p = new Page();
      p.prot = what.protection();
      p.max = what.maxProtection();
      p.inheritance = what.inheritance();
      p.cow = what.isPlain() ? null : what.copyOnWrite();
      p.isAnonymous = what.object() == null;
      if (what.object() != null) {
        p.backing = new Backing(what.object(), what.offset() + (long) (i - from) * PAGE);
      }
      model[i] = p;
    }
    return what.toString();
  }

  private boolean isFree(int from, int to) {
    return mapped(from, to).isEmpty();
  }

  private List<Page> mapped(int from, int to) {
    List<Page> pages = new ArrayList<>();
    for (int i = from; i < to; i++) {
      if (model[i] != null) {
        pages.add(model[i]);
      }
    }
    return pages;
  }

  private int firstFit(int from, int pages) {
    for (int i = from; i + pages <= PAGES; i++) {
      if (isFree(i, i + pages)) {
        return i;
      }
    }
    return -1;
  }

  private String protect(VmMap map, int from, int to, int prot, boolean setMax) {
    boolean legal = mapped(from, to).stream().allMatch(p -> (prot & ~p.max) == 0);
    KernReturn r = map.protect(MapWorld.at(from), MapWorld.at(to), prot, setMax);
    assertThat(r).isEqualTo(legal ? KernReturn.SUCCESS : KernReturn.PROTECTION_FAILURE);
    if (legal) {
      for (Page p : mapped(from, to)) {
        if (setMax) {
          p.max = prot;
          p.prot &= prot;
        } else {
          p.prot = prot;
        }
      }
    }
    return (setMax ? " max " : " ") + r;
  }

  private String lookup(VmMap map, int page, int type) {
    MapLookup r = new MapLookup();
    KernReturn code = map.lookup(r, MapWorld.at(page) + 8, type);
    Page p = model[page];
    if (p == null) {
      assertThat(code).isEqualTo(KernReturn.INVALID_ADDRESS);
    } else if ((type & ~p.prot) != 0) {
      assertThat(code).isEqualTo(KernReturn.PROTECTION_FAILURE);
    } else {
      assertThat(code).isEqualTo(KernReturn.SUCCESS);
      assertThat(r.prot).isEqualTo(p.prot);
      Backing seen = new Backing(r.object(), r.offset - 8);
      if (p.backing != null) {
        assertThat(seen).isEqualTo(p.backing);
      }
      p.backing = seen;
      map.lookupDone(r);
    }
    return code.toString();
  }

  private void compare(MapWorld world, Vmspace space) {
    VmMap map = space.map();
    world.in(() -> world.maps.checkInvariants(List.of(map)));
    Page[] seen = new Page[PAGES];
    Map<VmObject, Integer> references = new HashMap<>();
    Set<Backing> anonymous = new HashSet<>();
    for (VmMapEntry e : MapWorld.entries(map)) {
      if (e.object != null) {
        references.merge(e.object, 1, Integer::sum);
      }
      for (long va = e.start; va < e.end; va += PAGE) {
        int i = (int) ((va - MapWorld.MIN) / PAGE);
        Page p = new Page();
        p.prot = e.protection;
        p.max = e.maxProtection;
        p.inheritance = e.inheritance;
        p.cow = e.copyOnWrite;
        p.isAnonymous = e.object == null || !shared.contains(e.object);
        p.backing = e.object == null ? null : new Backing(e.object, e.offset + (va - e.start));
        seen[i] = p;
        if (p.isAnonymous && p.backing != null) {
          assertThat(anonymous.add(p.backing)).as("page %d shares its memory with another", i).isTrue();
          assertThat(p.backing.offset()).isBetween(0L, p.backing.object().size() - PAGE);
        }
      }
    }
    for (int i = 0; i < PAGES; i++) {
      Page want = model[i];
      Page have = seen[i];
      int prot = want == null ? VmProt.NONE : want.prot;
      assertThat(MapWorld.isMapped(space.pmap(), MapWorld.at(i)) && (prot & VmProt.READ) == 0)
          .as("I-35 translation of page %d, which may not be read", i).isFalse();
      assertThat(MapWorld.isWritable(space.pmap(), MapWorld.at(i)) && (prot & VmProt.WRITE) == 0)
          .as("I-35 writable translation of page %d", i).isFalse();
      assertThat(have != null).as("page %d is mapped", i).isEqualTo(want != null);
      if (want == null || have == null) {
        continue;
      }
      assertThat(VmProt.toString(have.prot)).as("protection of page %d", i).isEqualTo(VmProt.toString(want.prot));
      assertThat(VmProt.toString(have.max)).as("maximum of page %d", i).isEqualTo(VmProt.toString(want.max));
      assertThat(have.inheritance).as("inheritance of page %d", i).isEqualTo(want.inheritance);
      if (want.cow != null) {
        assertThat(have.cow).as("copy_on_write of page %d", i).isEqualTo(want.cow);
      }
      want.cow = have.cow;
      assertThat(have.isAnonymous).as("anonymity of page %d", i).isEqualTo(want.isAnonymous);
      if (want.backing != null) {
        assertThat(have.backing).as("backing of page %d", i).isEqualTo(want.backing);
      }
      want.backing = have.backing;
    }
    references.forEach((o, n) -> assertThat(o.refCount()).as("I-20 references of %s", o)
        .isEqualTo(n + (shared.contains(o) ? 1 : 0)));
    assertThat(world.objects.objectCount()).as("live objects")
        .isEqualTo((int) references.keySet().stream().filter(o -> !shared.contains(o)).count() + shared.size());
  }
}
