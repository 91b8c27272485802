package dev.faultline.vm.object;

/**
 * A pager's private part of an object (un_pager): a swap table, a vnode's state, a device's pages. Guarded by O unless
 * it says otherwise.
 */
public abstract class PagerData {}
