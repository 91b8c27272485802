package dev.faultline.vm.program.random;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.program.random.Layout.Page;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** The commands of one process that need nobody else, each chosen so that its result is certain. */
final class Commands {
  /*
   * Implementation overview
   *
   * Accesses     A word may be accessed if its page belongs to nobody else (Layout.Page.isFree), or if the access is
   *              refused for certain.
   *              A range may be if each of its words may, up to the first that is refused. A touch may be anywhere.
   * Beyond EOF   Nobody stores to the words of a shared file page that the file's end is in or before: how long such a
   *              store is seen is
   *              the kernel's affair.
   * Adoption     A private mapping of a file that is stored to shows other processes' stores or does not, until a page
   *              of it is copied.
   *              So it is made only of pages that this process owns whole, and each is copied at once, by a touch.
   */
  private static final String[] ADVICE = {"normal", "random", "sequential", "willneed", "dontneed", "free"};
  private static final int ADVICE_PORTABLE = 4;
  private static final String[] SYNC_MODES = {"", " sync", " async", " invalidate"};
  private static final int[] PROTS = {3, 3, 3, 3, 3, 7, 7, 1, 1, 5, 0, 2, 6, 4};
  private static final int RANGE_PAGES_MAX = 9;
  private static final int RANGE_WORDS_MAX = 1500;
  private static final int WIRED_PAGES_MAX = 3;

  private final Actor actor;
  private final SplittableRandom random;
  private final RandomOptions options;

  Commands(Actor actor) {
    this.actor = actor;
    random = actor.random;
    options = actor.program.options;
  }

  /**
   * Emits one command, or a few that belong together; now and then none, where the dice found nothing that may be done.
   */
  void emit() {
    if (layout().mapped() < layout().size() / 8 && random.nextBoolean()) {
      mmap();
      return;
    }
    if (options.fileCalls() && random.nextInt(8) == 0) {
      new FileCommands(actor).emit();
      return;
    }
    if (options.segments() && random.nextInt(8) == 0) {
      new SegmentCommands(random, actor::line).emit();
      return;
    }
    int dice = random.nextInt(100);
    if (dice < 16) {
      word("store");
    } else if (dice < 32) {
      word("load");
    } else if (dice < 38) {
      word("add");
    } else if (dice < 48) {
      range("fill");
    } else if (dice < 58) {
      range("sum");
    } else if (dice < 72) {
      touch();
    } else if (dice < 81) {
      mmap();
    } else if (dice < 84) {
      munmap();
    } else if (dice < 90) {
      mprotect();
    } else if (dice < 93) {
      minherit();
    } else if (dice < 95) {
      madvise();
    } else if (dice < 97) {
      msync();
    } else {
      rare();
    }
  }

  private Layout layout() {
    return actor.layout;
  }

  private static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  // Accesses

  private enum Free {
    YES,
    REFUSED,
    NO
  }

  private Free isFree(int page, int word, boolean store) {
    Page p = layout().page(page);
    if (p == null || !(store ? p.isWritable() : p.isReadable())) {
      return Free.REFUSED;
    }
    return p.isFree(word, store, actor.owner) ? Free.YES : Free.NO;
  }

  /** Returns whether to access the word: if the result is certain, but not too often if it is a refusal. */
  private boolean isWelcome(int page, int word, boolean store) {
    Free free = isFree(page, word, store);
    return free == Free.YES || (free == Free.REFUSED && random.nextInt(5) == 0);
  }

  /** Returns some page, rather a mapped one. */
  private int somePage() {
    int page = random.nextInt(layout().size());
    for (int tries = random.nextInt(12); tries > 0 && layout().page(page) == null; tries--) {
      page = random.nextInt(layout().size());
    }
    return page;
  }

  private void word(String command) {
    boolean store = !command.equals("load");
    for (int tries = 0; tries < 8; tries++) {
      int page = somePage();
      int word = random.nextInt(4) == 0 ? random.nextInt(2) * (Layout.WORDS - 1) : random.nextInt(Layout.WORDS);
      if (isWelcome(page, word, store)) {
        String address = hex(layout().address(page) + (long) word * Long.BYTES);
        actor.line(command + " " + address + (store ? " " + value() : ""));
        return;
      }
    }
  }

  private String value() {
    return random.nextInt(3) == 0 ? Integer.toString(random.nextInt(1000)) : hex(random.nextLong());
  }

  private void range(String command) {
    boolean store = command.equals("fill");
    for (int tries = 0; tries < 8; tries++) {
      int page = somePage();
      int word = random.nextInt(Layout.WORDS);
      int words = freeWords(page, word, 1 + random.nextInt(RANGE_WORDS_MAX), store);
      if (words > 0 && isWelcome(page, word, store)) {
        range(command, page, word, words);
        return;
      }
    }
  }

  private void range(String command, int page, int word, int words) {
    actor.line(command + " " + hex(layout().address(page) + (long) word * Long.BYTES) + " "
        + hex((long) words * Long.BYTES)
        + (command.equals("fill") ? " " + value() : ""));
  }

  /**
   * Returns how many of {@code words} words may be accessed in one range; all of them, if a refusal ends it before one
   * that may not.
   */
  private int freeWords(int page, int word, int words, boolean store) {
    int end = layout().spanEnd(page);
    int atPage = page;
    int atWord = word;
    for (int i = 0; i < words; i++) {
      if (atPage == end) {
        return i;
      }
      Free free = isFree(atPage, atWord, store);
      if (free == Free.NO) {
        return i;
      }
      if (free == Free.REFUSED) {
        return Math.min(words, (end - page) * Layout.WORDS - word);
      }
      if (++atWord == Layout.WORDS) {
        atWord = 0;
        atPage++;
      }
    }
    return words;
  }

  private void touch() {
    long address = layout().address(somePage()) + random.nextInt(Layout.PAGE);
    actor.line("touch " + "rwx".charAt(random.nextInt(3)) + " " + hex(address));
  }

  /** Sums up all that this process may load, so that nothing it did goes unseen. */
  void sumUp() {
    int page = 0;
    int word = 0;
    while (page < layout().size()) {
      int words = isFree(page, word, false) == Free.YES ? readable(page, word) : 0;
      if (words > 0) {
        range("sum", page, word, words);
      }
      word += Math.max(words, 1);
      page += word / Layout.WORDS;
      word %= Layout.WORDS;
    }
  }

  /** Returns how many words from there on may be loaded one after the other, in this page and the next few. */
  private int readable(int page, int word) {
    int words = 0;
    int end = Math.min(layout().spanEnd(page), page + RANGE_PAGES_MAX);
    int atWord = word;
    for (int atPage = page; atPage < end; atPage++) {
      for (; atWord < Layout.WORDS; atWord++) {
        if (isFree(atPage, atWord, false) != Free.YES) {
          return words;
        }
        words++;
      }
      atWord = 0;
    }
    return words;
  }

  // Mappings

  private String prot(int prot) {
    return VmProt.toString(prot);
  }

  private int someProt() {
    int prot = PROTS[random.nextInt(PROTS.length)];
    return options.hostPortable() && prot == VmProt.EXECUTE ? VmProt.READ : prot;
  }

  /** Returns the end of a range of pages from {@code page} on. */
  private int someEnd(int page) {
    return Math.min(layout().spanEnd(page), page + 1 + random.nextInt(RANGE_PAGES_MAX));
  }

  /** Returns the bytes of a range of pages, the last one sometimes in part: the kernel is to round up. */
  private String length(int page, int end) {
    long length = (long) (end - page) * Layout.PAGE;
    return hex(random.nextInt(4) == 0 ? length - random.nextInt(Layout.PAGE) : length);
  }

  private void mmap() {
    int page = random.nextInt(layout().size());
    int end = someEnd(page);
    int prot = someProt();
    String range = "mmap " + hex(layout().address(page)) + " " + length(page, end) + " ";
    int dice = random.nextInt(100);
    if (dice < 40) {
      actor.line(range + prot(prot) + " private anon");
      for (int i = page; i < end; i++) {
        layout().set(i, new Page(prot, false, null, 0, null, 0));
      }
    } else if (dice < 55) {
      actor.line(range + prot(prot) + " shared anon");
      SharedMemory memory = new SharedMemory(end - page, actor.owner);
      actor.program.memories.add(memory);
      for (int i = page; i < end; i++) {
        layout().set(i, new Page(prot, true, memory, i - page, null, 0));
      }
    } else if (dice < 80) {
      if (!actor.program.constantFiles.isEmpty()) {
        boolean shared = random.nextInt(3) == 0;
        RandomFile file = actor.program.constantFiles.get(random.nextInt(actor.program.constantFiles.size()));
        mapFile(range, prot, shared, file, page, end);
      }
    } else if (actor.ownFile != null && random.nextBoolean()) {
      mapFile(range, prot, true, actor.ownFile, page, end);
    } else if (!actor.program.storedFiles.isEmpty()) {
      RandomFile file = actor.program.storedFiles.get(random.nextInt(actor.program.storedFiles.size()));
      if (random.nextInt(5) == 0) {
        adopt(range, file, page, end);
      } else {
        mapFile(range, prot, true, file, page, end);
      }
    }
  }

  /** Returns a page of the file to map from: any, sometimes the first one beyond its end. */
  private int somePageOf(RandomFile file) {
    return random.nextInt((int) Math.min(pagesOf(file), options.pages()) + 1);
  }

  private static long pagesOf(RandomFile file) {
    return file.length / Layout.PAGE + (file.length % Layout.PAGE == 0 ? 0 : 1);
  }

  private void mapFile(String range, int prot, boolean shared, RandomFile file, int page, int end) {
    int filePage = somePageOf(file);
    actor.line(range + prot(prot) + (shared ? " shared" : " private") + " file " + file.name + " "
        + hex((long) filePage * Layout.PAGE));
    for (int i = page; i < end; i++) {
      SharedMemory memory = shared ? file.memory : null;
      layout().set(i, new Page(prot, shared, memory, filePage + i - page, file, filePage + i - page));
    }
  }

  private void adopt(String range, RandomFile file, int page, int end) {
    SharedMemory memory = file.memory;
    int filePage = somePageOf(file);
    for (int i = filePage; memory != null && i < Math.min(filePage + end - page, pagesOf(file)); i++) {
      if (!memory.ownsPage(i, actor.owner)) {
        return;
      }
    }
    actor.line(range + "rw- private file " + file.name + " " + hex((long) filePage * Layout.PAGE));
    for (int i = page; i < end; i++) {
      layout().set(i, new Page(VmProt.READ | VmProt.WRITE, false, null, 0, file, filePage + i - page));
      actor.line("touch w " + hex(layout().address(i) + random.nextInt(Layout.PAGE)));
    }
  }

  private void munmap() {
    int page = somePage();
    int end = someEnd(page);
    actor.line("munmap " + hex(layout().address(page)) + " " + length(page, end));
    for (int i = page; i < end; i++) {
      layout().set(i, null);
    }
  }

  /**
   * Returns the end of a range from {@code page} on, without holes where the host minds them; {@code page} if there is
   * none.
   */
  private int someMappedEnd(int page, boolean always) {
    int end = someEnd(page);
    int mapped = page;
    while (mapped < end && layout().page(mapped) != null) {
      mapped++;
    }
    return always || options.hostPortable() ? mapped : end;
  }

  private void mprotect() {
    int page = somePage();
    int end = someMappedEnd(page, false);
    if (end == page) {
      return;
    }
    int prot = someProt();
    actor.line("mprotect " + hex(layout().address(page)) + " " + length(page, end) + " " + prot(prot));
    for (int i = page; i < end; i++) {
      Page p = layout().page(i);
      if (p != null) {
        p.prot = prot;
      }
    }
  }

  /**
   * Changes what a fork does. What others can reach already is never made private: who has stored what by then is
   * uncertain.
   */
  private void minherit() {
    if (options.hostPortable()) {
      return;
    }
    Inheritance to = Inheritance.values()[random.nextInt(3)];
    int page = somePage();
    int end = someEnd(page);
    for (int i = page; i < end; i++) {
      Page p = layout().page(i);
      if (p != null && to == Inheritance.COPY && (p.shared || p.memory != null)) {
        return;
      }
    }
    actor.line("minherit " + hex(layout().address(page)) + " " + length(page, end) + " "
        + to.name().toLowerCase(Locale.ROOT));
    for (int i = page; i < end; i++) {
      Page p = layout().page(i);
      if (p != null) {
        p.inheritance = to;
      }
    }
  }

  private void madvise() {
    int page = somePage();
    int end = someMappedEnd(page, false);
    if (end > page) {
      String advice = ADVICE[random.nextInt(options.hostPortable() ? ADVICE_PORTABLE : ADVICE.length)];
      actor.line("madvise " + hex(layout().address(page)) + " " + length(page, end) + " " + advice);
    }
  }

  private void msync() {
    int page = somePage();
    int end = someMappedEnd(page, true);
    if (end > page) {
      actor.line("msync " + hex(layout().address(page)) + " " + length(page, end) + someSyncMode(page, end));
    }
  }

  /** Returns how msync is to write. Linux refuses to drop pages that are locked. */
  private String someSyncMode(int page, int end) {
    String mode = SYNC_MODES[random.nextInt(SYNC_MODES.length)];
    for (int i = page; i < end && options.hostPortable(); i++) {
      Page p = layout().page(i);
      if (p != null && p.wired > 0) {
        return "";
      }
    }
    return mode;
  }

  // What not every program has

  private void rare() {
    int dice = random.nextInt(4);
    if (dice == 0 && options.residence()) {
      int page = somePage();
      actor.line("mincore " + hex(layout().address(page)) + " " + length(page, someEnd(page)));
    } else if (dice == 1 && options.truncation() && actor.ownFile != null) {
      truncate(actor.ownFile);
    } else if (dice == 2 && random.nextInt(4) == 0) {
      actor.line("sleep " + random.nextInt(2));
    } else if (options.wiring()) {
      wire();
    }
  }

  private void truncate(RandomFile file) {
    long most = file.memory == null ? 0 : (long) options.pages() / 4 * Layout.PAGE;
    file.length = random.nextLong(most + 1);
    actor.line("truncate " + file.name + " " + file.length);
  }

  /** Gives up the pages of the file that is this process's alone, before a child could get them. */
  void unmapOwnFile() {
    for (int i = 0; i < layout().size(); i++) {
      Page p = layout().page(i);
      if (p != null && p.file == actor.ownFile) {
        actor.line("munmap " + hex(layout().address(i)) + " " + hex(Layout.PAGE));
        layout().set(i, null);
      }
    }
  }

  /** Wires a few pages that can be written, or unwires one that is wired. */
  private void wire() {
    int wired = 0;
    int last = -1;
    for (int i = 0; i < layout().size(); i++) {
      @Nullable Page p = layout().page(i);
      if (p != null && p.wired > 0) {
        wired++;
        last = i;
      }
    }
    if (wired > 0 && random.nextBoolean()) {
      Page p = layout().page(last);
      if (p != null) {
        actor.line("munlock " + hex(layout().address(last)) + " " + hex(Layout.PAGE));
        p.wired--;
      }
      return;
    }
    int page = somePage();
    Page p = layout().page(page);
    boolean fixed = actor.ownFile == null || (p != null && p.file != actor.ownFile);
    if (p != null && fixed && p.isWritable() && wired < WIRED_PAGES_MAX) {
      actor.line("mlock " + hex(layout().address(page)) + " " + length(page, page + 1));
      p.wired++;
    }
  }
}
