package dev.faultline.vm;

import java.util.Arrays;
import java.util.List;

/** The rows of docs/races.md; see {@link RacesTableTest}. */
final class RacesTable {
  /**
   * A race of vm-semantics 5.5.
   *
   * @param code where it is mended, {@code Class.method}
   * @param shows tests that show it, {@code Class#method} or the class of a jcstress test
   * @param gone tests that show it gone
   * @param note what there is to add; why, if nothing shows it
   */
  record Race(String name, List<String> code, List<String> shows, List<String> gone, String note) {}

  /**
   * A historical switch of vm-semantics 5.6.
   *
   * @param code classes that consult it
   * @param shows tests that show what it breaks
   * @param gone tests that show the same without it
   */
  record Switch(String label, List<String> code, List<String> shows, List<String> gone, String note) {}

  private RacesTable() {}

  private static Race race(String name, String code, String shows, String gone, String note) {
    return new Race(name, split(code), split(shows), split(gone), note);
  }

  private static Switch sw(String label, String code, String shows, String gone, String note) {
    return new Switch(label, split(code), split(shows), split(gone), note);
  }

  private static List<String> split(String s) {
    return s.isEmpty() ? List.of() : Arrays.asList(s.split(", "));
  }

  private static final String FAMILY = "KernelDefectsTest#isFoundOut_andNotWithoutIt";
  private static final String SPACE = "KernelDefectsTest#isFoundOut_andNotWithoutIt";
  private static final String SWITCHES_OF_FAULTS = "RaceSwitchTest#";
  private static final String WAIT = "MemoryWaitDefectsTest#";
  private static final String STORM = "ForkTreeStormTest#treesOfForks_keepTheirWordsAndReferences";
  private static final String NO_SWITCH = "no switch: without the lock it is NAIVE mode";
  private static final String BY_HAND = "; with the step taken out by hand the tests fail";

  static final List<Race> RACES = List.of(
      race("R1", "KThread.count", "SyncDefectsTest#counters_plain_loseCounts_onTwoProcessors_butNotOnOne, "
          + "R01_StripedCounters", "SyncDefectsTest#counters_plain_loseCounts_onTwoProcessors_butNotOnOne", ""),
      race("R2", "VmFault.attempt, VmObject.referenceLocked, VmObject.chainVnode",
          FAMILY + ", R02_LastReference, R02_PipCount", "FamilyTest#modelChecked, " + STORM,
          "no walk for the vnode: every object carries its chain's"),
      race("R3", "FaultSearch.claim", SPACE + ", R03_TwoClaimers",
          "ResidentPagesTest#claim_succeedsForOneOfTwo, "
              + "ScenarioClassesTest#fixedKernel_hasSoManyClasses", ""),
      race("R4", "FaultSearch.awaitBusy, ResidentPages.wakeup", "R04_WantedHandOff, R04_BusySleeperEnds",
          "FaultSearchDecisionTest#d13_completionWinsTheRace, ResidentPagesTest#whoWantsABusyPage_isWoken", ""),
      race("R5", "VmPage.setReferenced", "R05_FlagWord", "R05_WordsApart", "flags are split by guard"),
      race("R6", "FaultSearch.claim, FaultSearch.awaitMemoryForCached, ResidentPages.freeCachedHead",
          SWITCHES_OF_FAULTS + "r06_cacheWait_isBusyWhileItWaitsForMemory, " + SWITCHES_OF_FAULTS
              + "r06_noUnqueue_leavesAClaimedPageWhereTheScannersLook, R06_ClaimAgainstReuse",
          SWITCHES_OF_FAULTS + "r06_cacheWait_isBusyWhileItWaitsForMemory, CachedPagesTest#alloc_goesRoundAnUnfitPage",
          ""),
      race("R7", "FreeList.give", "R07_FreeCount", "FreePagesTest#modelChecked", ""),
      race("R8", "FreeList.freed", WAIT + "eqWake_freeBeyondTheMinimum_wakesNobody",
          "VmWaitTest#free_wakesWaiters_whoseMemoryIsBeyondTheMinimum", ""),
      race("R9", "FreeList.waitForMemory, FreeList.daemonSleep",
          WAIT + "uncondWait_pageFreedBetweenFailureAndSleep_isSleptThrough, " + WAIT
              + "uncondWait_daemonThatFindsMemoryFine_leavesTheSleepersAsleep, "
              + "MemoryWaitTest#askingForTheGenerationTooLateIsFound, R09_VmWaitGeneration",
          "VmWaitTest#wait_doesNotSleep_ifSomethingWasFreedSinceTheFailure, "
              + "VmWaitTest#daemonSleep_wakesWaiters_whenMemoryIsFineAlready, MemoryWaitTest#modelChecked",
          ""),
      race("R10", "FreeList.daemonSleep, SwapPageout.iodone",
          WAIT + "doneSleep_completionBeforeTheSleep_isSleptThrough",
          "VmWaitTest#daemonSleep_missesNoCompletion", ""),
      race("R11", "FaultSearch.search, SwapPager.convert",
          SWITCHES_OF_FAULTS + "r11_type2_goesToThePagerWithoutAPage, R11_TypePublication",
          SWITCHES_OF_FAULTS + "r11_type2_goesToThePagerWithoutAPage, "
              + "SwapPagerTest#putThroughTheDefaultPager_findsTheObjectConvertedMeanwhile",
          ""),
      race("R12", "FaultReadAhead.additionalPages", "PageIndexTest#lookingFirstAndInsertingLaterIsFound, "
          + "R12_SameIdentity", "PageIndexTest#modelChecked", ""),
      race("R13", "FaultSearch.search", SWITCHES_OF_FAULTS + "r13_pipOrder_walksOnIntoAnObjectThatIsGone, "
          + "R13_RenameAgainstWalk", SWITCHES_OF_FAULTS + "r13_pipOrder_walksOnIntoAnObjectThatIsGone, " + STORM, ""),
      race("R14", "DevicePager.getPages", "", "DevicePagerTest#r14_twoFaultersOnOnePage_endWithTheSameOne, "
          + "DevicePagerTest#r14_manyFaulters_whileMappingsComeAndGo", NO_SWITCH + BY_HAND),
      race("R15", "FaultPagein.callPager", "WiringSwitchTest#r15_steal_takesAPageThatSomebodyElseOwns",
          "WiringSwitchTest#r15_steal_takesAPageThatSomebodyElseOwns", ""),
      race("R16", "VmFault.copyUp", FAMILY, "FamilyTest#modelChecked, " + STORM, ""),
      race("R17", "ObjectPages.clean", "", "ObjectPagesTest#clearsTheFlagFirst_andWaitsForBusyPages",
          NO_SWITCH + BY_HAND),
      race("R18", "VmObjects.collapseFromBelow", FAMILY + ", R18_ExitAgainstCow",
          "DeallocateFromBelowTest#dropsOnlyThePin_whenTheShadowHasLeftTheObject, "
              + "DeallocateFromBelowTest#startsOver_asLongAsTheShadowIsLocked, " + STORM,
          ""),
      race("R19", "VmObjects.persist, VmObjects.trimCache", "",
          "VmObjectLifeTest#revivalDuringTheCleaning_isSeen, "
              + "VmObjectLifeTest#manyUsersOfOneFile_neverMeetADeadOrDoublyListedObject",
          NO_SWITCH + "; without the second look at the references both tests fail. Without that of the cache's trim "
              + "neither does"),
      race("R20", "Collapse.qcollapse", SWITCHES_OF_FAULTS + "r20_qcoll_takesAPlaceholderForAPage",
          SWITCHES_OF_FAULTS + "r20_qcoll_takesAPlaceholderForAPage, CollapseTest#aPlaceholder_hidesNothing", ""),
      race("R21", "VmFault.copyUp", SWITCHES_OF_FAULTS + "r21_cowClean_losesACopyThatNobodyDirtied",
          SWITCHES_OF_FAULTS + "r21_cowClean_losesACopyThatNobodyDirtied", ""),
      race("R21b", "VmFaultWire.copyEntry", "WiringSwitchTest#copyentClean_losesTheChildsMemory",
          "WiringSwitchTest#copyentClean_losesTheChildsMemory", ""),
      race("R22", "PageoutScan.scanInactive", "",
          "PageoutScanTest#pagesOfAnObjectThatIsLocked_areRotated_theRestIsDone",
          "nobody saves a next page that could go stale: each turn takes the head; without the rotation the test "
              + "fails"),
      race("R23", "PmapModule.removeAllButWired, Pmap.unwire, VmFaultWire.wire",
          "WiringDecisionTest#d56_withStealWired_unwireMissesWhatACopyTook, "
              + "WiringSwitchTest#unwire0_ofAPageThatCameBackByAnOrdinaryFault",
          "WiringDecisionTest#d56_unwireSkipsWhatIsNotThere, "
              + "WiringRaceTest#aWiringThatFails_doesNotUncountWhatAFaultHasEnteredAndNotCountedYet",
          "the second of these tests is the schedule of a race that 5.5 does not have, see corrections (4.7)"),
      race("R24", "ResidentPages.cacheLocked", "R24_CacheAgainstStore",
          "ResidentPagesTest#cache_refusesAPage_thatTurnsOutDirtyWhenItIsUnmapped, "
              + "PageoutScanTest#aStoreThatComesToLightOnlyInTheUnmapping_keepsThePage",
          ""),
      race("R25", "PmapModule.change, Shootdown.shoot",
          "PmapStepTest#plainChanges_loseAModifiedBit, PmapStepTest#localFlush_letsStoresThroughAfterwards, "
              + "KernelScenarioTest#localFlush_isFoundAndShownAgain, R25_PteModified, R25_WriteProtect",
          "PmapStepTest#anAccess_mayComeInAnywhere, ScenarioClassesTest#fixedKernel_hasSoManyClasses", ""),
      race("R26", "Pmap.enter, PmapModule.protect",
          "MappingsTest#lookingFirstAndRemovingLaterIsFound, R26_EnterAgainstRemoval",
          "PmapStepTest#anotherOperation_mayComeInAnywhere, MappingsTest#modelChecked", ""),
      race("R27", "VnodePager.setSize", "", "VnodePagerTest#shrinking_waitsForTheBusyPageWhoseTailItZeroes, "
          + "VnodePagerTest#shrinking_waitsForPagesInIo", NO_SWITCH + BY_HAND),
      race("R28", "VnodePager.objectOf", "", "VnodePagerTest#objectOf_waitsForADyingObject_thenMakesANewOne",
          "no switch: the model's memory is never reused, so nothing stale could be read; whoever takes what it saw "
              + "before the sleep fails the test"),
      race("R29", "DeferredReleases.runIfUnlocked, VmFault.verifyMap", "",
          "DeferredReleasesTest#unmapping_waitsForThePagein_withTheMapFree, "
              + "DeferredReleasesTest#underTwoMapLocks_nothingIsGivenUpBeforeTheOuterOneIsReleased",
          "a deadlock that no switch brings back; with releases not put off the tests fail"),
      race("R30", "VmFault.verifyMap", SWITCHES_OF_FAULTS + "r30_secondLookup_neverWaitsForTheMap",
          SWITCHES_OF_FAULTS + "r30_secondLookup_neverWaitsForTheMap, "
              + "MapWiringTest#faultsWithinWiring_lookUp_pastAQueuedWriter",
          "shown: the lock that 1995 waits for would not be granted"),
      race("R31", "VmFault.verifyMap", SWITCHES_OF_FAULTS + "r30_secondLookup_neverWaitsForTheMap",
          SWITCHES_OF_FAULTS + "r30_secondLookup_neverWaitsForTheMap, WitnessTest#aMap_isNotWaitedFor_withAVnodeHeld",
          "the same step, with a file's lock in the place of the page"),
      race("R32", "MapLookup.tryLookup", "MapLockTest#lettingGoToUpgradeIsFound, R32_MapUpgrade",
          "MapLookupTest#relookup_givesUp_whereALockIsNotToBeHad", ""),
      race("R33", "VmMap.mapFixed", "MmapStepTest#inSteps_anotherThreadMayWrite_whatIsMappedReadOnly, "
          + "MmapStepTest#replacing_leavesNoGap_butInSteps", "VmMapRaceTest#mapFixed_isOneStep_toEverybodyElse", ""),
      race("R34", "VmFault.verifyMap", "", SWITCHES_OF_FAULTS + "r34_wiringMeanwhile_startsTheFaultOver",
          "no switch: the check of Mach, which the seed lacks. Without it the test counts one retry instead of three"),
      race("R35", "VmFault.enter, VmPageQueues.activate", "PageQueuesTest#activatingInTwoStepsIsFound, "
          + "R35_TwoActivations", "PageQueuesTest#modelChecked", ""),
      race("R36", "VmFaultWire.wire, VmFaultWire.copyEntry",
          "WiringSwitchTest#r36_wiringThatIsKilled_waitsOn_withTheSwitch",
          "WiringSwitchTest#r36_wiringThatIsKilled_takesBackWhatItDid, "
              + "WiringSwitchTest#r36_forkThatIsKilled_dropsTheHalfBuiltChild",
          "shown with H-KILLWAIT for wiring; a fork waits in the same place of the free list"),
      race("R37", "FaultPagein.absentAfterAll, FaultPagein.foldModified",
          "BufferCacheTest#partialPage_overAHole_losesItsBytes_withTheSwitch",
          "BufferCacheTest#partialPage_overAHole_isMappedWithItsBytes, "
              + "FaultSearchDecisionTest#d15_partiallyValidPageGoesToThePager",
          ""),
      race("R38", "PageoutScan.scanInactive, ResidentPages.rename", "R38_StaleIdentity",
          "PageoutScanTest#pagesOfAnObjectThatIsLocked_areRotated_theRestIsDone", ""),
      race("R39", "SwapPageout.written", "SwapPagerTest#failedPut_leavesTheBlockValid_withSwErr",
          "SwapPagerTest#failedSyncPut_leavesThePageDirtyAndWithoutABlock", ""),
      race("R40", "ResidentPages.wakeup", "", "ResidentPagesTest#whoWantsABusyPage_isWoken",
          "no kernel page is un-busied in another way; without its wakeup the test fails"),
      race("R41", "Vmspace.share, VmMap.awaitSoleReference", "",
          "VmMapTest#aSharedOne_livesUntilItsLastUser_andExecLeavesItToTheOther, "
              + "VmMapTest#free_waitsForWhoeverBorrowsTheMap",
          "no switch: atomic counts; without the count, or the wait, a test fails"),
      race("R42", "KThread.count", "R01_StripedCounters",
          "SyncDefectsTest#counters_plain_loseCounts_onTwoProcessors_butNotOnOne",
          "each thread has counters of its own"));

  static final List<Switch> SWITCHES = List.of(
      same("H-COUNTERS", "KThread", "SyncDefectsTest#counters_plain_loseCounts_onTwoProcessors_butNotOnOne"),
      same("H-CACHE-WAIT", "FaultSearch", SWITCHES_OF_FAULTS + "r06_cacheWait_isBusyWhileItWaitsForMemory"),
      same("H-NOUNQUEUE", "FaultSearch", SWITCHES_OF_FAULTS + "r06_noUnqueue_leavesAClaimedPageWhereTheScannersLook"),
      same("H-EQWAKE", "FreeList", WAIT + "eqWake_freeBeyondTheMinimum_wakesNobody"),
      sw("H-UNCOND-WAIT", "FreeList", WAIT + "uncondWait_pageFreedBetweenFailureAndSleep_isSleptThrough, " + WAIT
          + "uncondWait_daemonThatFindsMemoryFine_leavesTheSleepersAsleep",
          "VmWaitTest#wait_doesNotSleep_ifSomethingWasFreedSinceTheFailure, "
              + "VmWaitTest#daemonSleep_wakesWaiters_whenMemoryIsFineAlready",
          ""),
      same("H-DONE-SLEEP", "FreeList", WAIT + "doneSleep_completionBeforeTheSleep_isSleptThrough"),
      same("H-TYPE2", "FaultSearch", SWITCHES_OF_FAULTS + "r11_type2_goesToThePagerWithoutAPage"),
      same("H-PIPORDER", "FaultSearch", SWITCHES_OF_FAULTS + "r13_pipOrder_walksOnIntoAnObjectThatIsGone"),
      same("H-STEAL", "FaultPagein", "WiringSwitchTest#r15_steal_takesAPageThatSomebodyElseOwns"),
      same("H-QCOLL", "VmObjects", SWITCHES_OF_FAULTS + "r20_qcoll_takesAPlaceholderForAPage"),
      same("H-COWCLEAN", "VmFault", SWITCHES_OF_FAULTS + "r21_cowClean_losesACopyThatNobodyDirtied"),
      same("H-COPYENT-CLEAN", "VmFaultWire", "WiringSwitchTest#copyentClean_losesTheChildsMemory"),
      same("H-COPYENT-MAXPROT", "VmFaultWire", "WiringSwitchTest#copyentMaxprot_letsTheChildStoreWhereItMustNot"),
      same("H-STEALWIRED", "VmFault, VmFaultWire, PmapModule",
          "WiringDecisionTest#d56_withStealWired_unwireMissesWhatACopyTook"),
      same("H-UNWIRE0", "PmapModule, VmFault, VmPageQueues",
          "WiringSwitchTest#unwire0_ofAPageThatCameBackByAnOrdinaryFault"),
      sw("H-PTE-RMW", "PmapModule", "PmapStepTest#plainChanges_loseAModifiedBit",
          "PmapStepTest#anAccess_mayComeInAnywhere", ""),
      sw("H-LOCALFLUSH", "PmapModule", "PmapStepTest#localFlush_letsStoresThroughAfterwards, "
          + "KernelScenarioTest#localFlush_isFoundAndShownAgain, SoakTest#"
          + "run_kernelThatPurgesOnlyItsOwnTlb_findsItAndNamesTheWorld",
          "PmapStepTest#anAccess_mayComeInAnywhere, ScenarioClassesTest#fixedKernel_hasSoManyClasses", ""),
      sw("H-MMAP-STEPS", "VmMaps", "MmapStepTest#inSteps_anotherThreadMayWrite_whatIsMappedReadOnly, "
          + "MmapStepTest#replacing_leavesNoGap_butInSteps",
          "MmapStepTest#inOneSection_nobodySeesMoreThanWasAskedFor", ""),
      sw("H-PARTIAL", "FaultSearch, FaultPagein, PmapModule",
          "BufferCacheTest#partialPage_overAHole_losesItsBytes_withTheSwitch",
          "BufferCacheTest#partialPage_overAHole_isMappedWithItsBytes", ""),
      sw("H-SWERR", "SwapPageout", "SwapPagerTest#failedPut_leavesTheBlockValid_withSwErr",
          "SwapPagerTest#failedSyncPut_leavesThePageDirtyAndWithoutABlock", ""),
      sw("H-VNPUT-OK", "FileIo", "VnodePagerTest#failedPut_countsAsDone_withVnputOk",
          "VnodePagerTest#failedPut_leavesThePageDirty", ""),
      sw("H-SHAREPROT", "VmMaps", "CheckedRunTest#copiedShareMap_leftWritable_isFound",
          "CheckedRunTest#copiedShareMap_isASnapshot", ""),
      same("H-KILLWAIT", "FreeList", SWITCHES_OF_FAULTS + "killWait_goesOnWaitingForItsOwnMemory"),
      same("H-MUNMAP-HOLE", "MemoryCalls", "PolicySwitchTest#munmapHole_refusesARangeWithAHole"),
      same("H-VFORK-COPY", "LifeCalls", "PolicySwitchTest#vforkCopy_hidesTheChildsStoresFromItsParent"),
      sw("H-EOFTAIL", "FileIo", "VnodePagerTest#put_writesWhatLiesPastTheEnd_withEofTail",
          "VnodePagerTest#put_zeroesWhatLiesPastTheEnd", ""),
      sw("H-BYPASS-LE", "VmObjects", "CollapseTest#theHarmlessSwitch_onlyKeepsTheLink",
          "CollapseTest#theHarmlessSwitch_onlyKeepsTheLink", "harmless"),
      sw("H-CLUSTER-GT", "PageoutClean", "ClusterGtTest#endOfTheObject_endsTheCluster_withTheSwitchOnePageTooFar",
          "ClusterGtTest#endOfTheObject_endsTheCluster_withTheSwitchOnePageTooFar", "harmless"),
      sw("H-PROTECT-MASK", "VmMaps", "", "",
          "harmless: translations only lose rights there. `VmMapTest` runs its protections with it and without"),
      same("H-SPL", "SleepQueues", "SyncDefectsTest#spl_losesWakeups_onTwoProcessors_butNotOnOne"));

  /** A switch whose one test runs with it and without. */
  private static Switch same(String label, String code, String test) {
    return sw(label, code, test, test, "");
  }
}
