/** The lower half of a kernel, for tests of its parts: real locks, pages and objects under stubs of what lies above. */
@org.jspecify.annotations.NullMarked
package dev.faultline.vm.bed;
