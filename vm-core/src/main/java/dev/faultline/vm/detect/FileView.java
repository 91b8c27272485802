package dev.faultline.vm.detect;

/**
 * A private mapping's view of its file, shared by all that a fork made of the mapping: what pages nobody has copied
 * yet may show.
 *
 * <p>A page that has no place on the disk (a hole: past the shortest that the file ever was) is not read in by a fault
 * through a private mapping; the mapping gets a page of zeros of its own instead. That page is clean, hence it may go
 * again, and then shows the file's page, as long as nobody stores to it. So where there may have been a hole since the
 * mapping was made, it shows the file's page or zeros.
 */
final class FileView {
  final FileModel file; // (C)
  private final long born; // (C) the file's tick when it was mapped
  private final long holesFrom; // (C) where holes could begin when it was mapped, bytes

  FileView(FileModel file) {
    this.file = file;
    born = file.tick();
    holesFrom = file.holesFrom();
  }

  /**
   * Returns whether the view may show zeros instead of a page of the file.
   *
   * @param offset byte offset of the page
   * @param filled the file's tick when the page was first stored to after it was last a hole, 0 if it was not
   * @param seen the file's tick when the page was last seen through this view, and was not zeros; 0 for never
   */
  boolean mayBeZeros(long offset, long filled, long seen) {
    return offset >= file.holesFrom()
        && (offset >= holesFrom || file.grown() > born)
        && (filled == 0 || filled > Math.max(born, seen));
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
