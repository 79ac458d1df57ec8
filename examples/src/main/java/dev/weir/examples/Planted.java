package dev.weir.examples;

/** A mistake that can be made again and again. */
interface Planted extends AutoCloseable {

    /** Makes it, without blocking. */
    void make();

    /** Makes good what is left of it. */
    @Override
    void close();
}
