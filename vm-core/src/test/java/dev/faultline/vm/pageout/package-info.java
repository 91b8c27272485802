/** Tests of the page daemon's scan and of the building of clusters. */
package dev.faultline.vm.pageout;
