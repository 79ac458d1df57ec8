package dev.weir.examples;

/**
 * An answer as its client saw it.
 *
 * @param at when the request was sent, in seconds since the load began
 * @param millis how long it took until the last byte was there
 * @param status the status; 0 when there was no complete answer
 */
record Answer(double at, double millis, int status) {

    boolean ok() {
        return status == 200;
    }
}
