package dev.faultline.vm.page;

/**
 * What the page package asks of the pmap module: operations on all mappings of one page. Each takes PV(page) itself,
 * finishes its TLB work before it returns, and never sleeps. The caller holds O(page.object), or owns the page busy.
 */
public interface PageMappings {
  /**
   * Lowers all mappings: NONE removes them (if MAPPED or WRITEABLE is set) and clears both flags; READ write-protects
   * them (if WRITEABLE is set) and clears that flag; anything with WRITE does nothing. What was modified is folded into
   * the page's dirty chunks. A wired mapping that is removed takes its unit of wire_count with it (vm-semantics 5.7,
   * W1).
   */
  void protect(VmPage m, int prot);

  /** Returns whether any mapping carries M. */
  boolean isModified(VmPage m);

  /** Clears M in all mappings and purges cached copies. Only while WRITEABLE is clear. */
  void clearModify(VmPage m);

  /** Returns whether any mapping carries R. */
  boolean isReferenced(VmPage m);

  /** Clears R in all mappings. */
  void clearReference(VmPage m);
}
