package dev.faultline.vm;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks a test that a race of vm-semantics 5.5 ({@code R23}) or a found bug, told in a few words, left behind. */
@Retention(RetentionPolicy.SOURCE)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface RegressionOf {
  /** Returns the races, or the bug in a few words. */
  String[] value();
}
