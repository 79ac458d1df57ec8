package dev.weir.limiter.core;

/**
 * What belongs to a gate's word and finds no room in it. A gate has two of these: the one its word points to is not written,
 * the other one may be. Plain fields: whoever reads them has to find the word unchanged afterwards, or to have locked the gate.
 */
final class Numbers {

    int capacity;
    int recorded; // permits that the ledger has recorded: as many as are in use, or more
    int queued; // in the queues of the gate
    int takenIn; // the number of the last one that was taken in from the inbox
    long acquiredBefore; // permits granted so far, less the word's version

    void set(int newCapacity, int newRecorded, int newQueued, int newTakenIn, long newAcquiredBefore) {
        capacity = newCapacity;
        recorded = newRecorded;
        queued = newQueued;
        takenIn = newTakenIn;
        acquiredBefore = newAcquiredBefore;
    }
}
