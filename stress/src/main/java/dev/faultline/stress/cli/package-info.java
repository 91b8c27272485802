/**
 * The command line: one class a subcommand, each a thin layer over a Java API.
 */
package dev.faultline.stress.cli;
