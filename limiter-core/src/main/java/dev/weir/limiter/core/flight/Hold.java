package dev.weir.limiter.core.flight;

/** A permit that is being recorded. Loading it loads nothing of the recorder. */
public interface Hold {

    /** The permit is about to go back. */
    void stop();

    /** The permit has gone back. */
    void record();
}
