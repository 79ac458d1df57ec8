package dev.weir.limiter.core.watch;

/** A limiter that may know who holds its permits. */
public interface HolderKeeper {

    /**
     * Whether it was told to track holders.
     *
     * @return false when {@link dev.weir.limiter.CapacityLimiter#holders} knows of none, whatever is in use
     */
    boolean tracksHolders();
}
