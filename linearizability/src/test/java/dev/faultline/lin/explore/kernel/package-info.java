@org.jspecify.annotations.NullMarked
package dev.faultline.lin.explore.kernel;
