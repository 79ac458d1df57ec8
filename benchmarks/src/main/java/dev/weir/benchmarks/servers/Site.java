package dev.weir.benchmarks.servers;

/**
 * A server on the loopback address with three paths: one that works and then answers, one that answers and then works, and a
 * health check, which has nothing to do with either.
 */
interface Site {

    /** Below it is what may be limited. */
    String LIMITED = "/limited";

    /** Works, then answers. */
    String WORK = "/work";

    /** Answers, then works. */
    String LEAVE = "/leave";

    String HEALTH = "/health";

    /** Threads of a server whose number is not what limits it. */
    int MANY_THREADS = 200;

    /** As many connections may wait to be accepted: connecting is not what is measured. */
    int BACKLOG = 4096;

    /** What every path answers. */
    String BODY = "Hello, World!\n";

    int port();

    /** Stops without waiting for anything that runs or waits. */
    void stop() throws Exception;
}
