package dev.faultline.vm.fault;

import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;

/**
 * The decisions of the fault handler, by their row in vm-semantics 4.3. True and false are the outcomes T and F of the
 * table.
 */
public enum Decision implements TraceSubject {
  D1(158, "the map lookup is still valid: release the map locks"),
  D2(154, "RELEASE_PAGE: the page is not active"),
  D3(166, "UNLOCK_THINGS: the search is below the top object"),
  D4(171, "a vnode of the chain is locked"),
  D5(154, "PAGE_WAKEUP: the page is wanted"),
  D6(165, "pip_wakeup: pip reaches 0 and somebody waits for it"),
  D7(187, "the map lookup failed"),
  D8(193, "the chain contains a vnode object"),
  D9(197, "the entry is wired"),
  D10(251, "one pass of the search loop"),
  D11(253, "a page is resident at this level"),
  D12A(258, "the page is PG_BUSY"),
  D12B(258, "the page is in buffer I/O"),
  D13(263, "the page is still busy once everything is released"),
  D14A(277, "the page is on the cache queue"),
  D14B(278, "free + cache is below free_reserved"),
  D15A(285, "the page is partially valid"),
  D15B(286, "the object is not the kernel's"),
  D16A(291, "the level has a pager and the fault may use it"),
  D16B(292, "the level is the top object"),
  D17(294, "the offset is beyond the object's end"),
  D18(303, "a vnode is in the chain: no zeroed page asked for"),
  D19(305, "the allocation failed"),
  D20A(312, "the level has a pager"),
  D20B(312, "the fault may use the pager"),
  D21(339, "the pager has the page"),
  D22(343, "the pager delivered"),
  D23(355, "the relookup of the page finds nothing of ours"),
  D24(380, "the pager reported an I/O error"),
  D25A(391, "I/O error in a map other than the kernel's"),
  D25B(391, "the offset is outside the pager's range"),
  D26(394, "the fatal result is an I/O error"),
  D27(396, "an absent page below the top object is freed"),
  D28(408, "the page becomes the placeholder in the top object"),
  D29(418, "the chain ends here"),
  D30(423, "the chain ended below the top object"),
  D31(432, "the frame is not known to be zero"),
  D32(438, "descending from below the top object"),
  D33(446, "the page is not busy after the search"),
  D34(462, "the page was found below the top object"),
  D35(467, "the fault writes: copy up"),
  D36(504, "the copied page is not active"),
  D37(544, "the map must be looked up again"),
  D38(571, "the second lookup failed"),
  D39A(578, "the second lookup names another object"),
  D39B(579, "the second lookup names another offset"),
  D40(593, "the page is marked copy-on-write"),
  D41(603, "the page may be entered writable: clear its copy-on-write mark"),
  D42(618, "the page is entered writable"),
  D43(626, "the fault is a write"),
  D44(644, "the fault changes wiring"),
  D45(645, "the fault wires"),
  D46(650, "the page is not active"),
  D47(654, "the process keeps fault statistics"),
  D48(655, "the fault read from a pager"),
  D49(662, "the page is not busy at the end"),
  D50(669, "a read was satisfied below the top object"),
  D51(704, "wire: one more page"),
  D52A(706, "wire: not the page daemon"),
  D52B(707, "wire: memory is short"),
  D53(711, "wire: the fault failed"),
  D54(712, "wire: pages before it were wired"),
  D55(742, "unwire: one more page"),
  D56(744, "unwire: no mapping"),
  D57(812, "copy entry: one more page"),
  D58(821, "copy entry: no memory"),
  D59(832, "copy entry: source page missing"),
  D60(891, "the pager does not have the page"),
  D61(895, "the pager has no neighbours"),
  D62(901, "fewer pages ahead than wished"),
  D63(905, "fewer pages behind than wished"),
  D64(912, "memory is too short for neighbours"),
  D65(925, "there are offsets before this one"),
  D66(926, "the backward window passes offset 0"),
  D67(929, "backward scan goes on"),
  D68(930, "a page behind is resident"),
  D69(934, "the backward scan reached offset 0"),
  D70(948, "the window passes the object's end"),
  D71(950, "forward scan goes on"),
  D72(951, "a page ahead is resident"),
  D73(965, "there is memory for the window"),
  D74(970, "one slot of the window"),
  D75(971, "the slot is a neighbour"),
  D76(975, "a neighbour's allocation failed"),
  D77(976, "it failed before the requested slot"),
  D78(978, "one neighbour to be given back");

  private final int line; // (C)
  private final String text; // (C)

  Decision(int line, String text) {
    this.line = line;
    this.text = text;
  }

  @Override
  public TraceKind traceKind() {
    return TraceKind.DECISION;
  }

  @Override
  public long traceId() {
    return ordinal();
  }

  /** Returns the line of the seed where the decision stands. */
  public int line() {
    return line;
  }

  /** Returns the condition in words. */
  public String text() {
    return text;
  }
}
