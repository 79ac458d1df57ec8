package dev.weir.examples;

import dev.weir.limiter.LimiterScope;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** One run of the load: starts the application, drives it as the seed does, and measures what everybody else notices. */
final class Run {

    static final int UPLOAD_SIZE = 3 << 20;

    private static final long SAMPLE_MILLIS = 20;
    /** As a loop in a shell starts its clients. Sent all in one moment, it would be chance who is in line before whom. */
    private static final double SPACING_SECONDS = 0.002;

    private static final int IDLE_PROBES = 50;
    private static final Duration MARGIN = Duration.ofSeconds(30);

    private final Setup setup;
    private final Options options;
    private final Consumer<? super Sample> view;
    private final Recorder recorder;
    private final Duration patience;

    /**
     * A run.
     *
     * @param setup how the application is set up
     * @param options what the user asked for
     * @param view is shown every sample as it is taken
     */
    Run(Setup setup, Options options, Consumer<? super Sample> view) {
        this.setup = setup;
        this.options = options;
        this.view = view;
        this.recorder = new Recorder(options.taskTime().toMillis());
        // The worst case: one wave after another through 40 permits.
        this.patience =
                options.taskTime().multipliedBy(options.tasks() / 40 + 1).plus(MARGIN);
    }

    Result make() throws Exception {
        LimiterScope limiters = setup.open();
        try (SeedApplication application = new SeedApplication(limiters, number -> recorder.task())) {
            Server server = options.server().create();
            int port = server.start(application.routes(), options.port());
            try {
                return load(limiters, port);
            } finally {
                server.stop();
            }
        } finally {
            Setup.close(limiters);
        }
    }

    private Result load(LimiterScope limiters, int port) throws Exception {
        Client visitors = new Client(port, patience, recorder::now);
        Client others = new Client(port, patience, recorder::now);
        warmUp(visitors, others);
        ScheduledExecutorService clock = Executors.newScheduledThreadPool(2, Run::daemon);
        try {
            return load(limiters, visitors, others, clock);
        } finally {
            clock.shutdownNow();
        }
    }

    /**
     * The visitors come to a server that is running, over connections they have: nobody is to take the loading of classes, or a
     * hundred handshakes, for waiting.
     */
    private void warmUp(Client visitors, Client others) throws Exception {
        for (int round = 0; round < 5; round++) {
            List<CompletableFuture<Answer>> answers = new ArrayList<>();
            for (int i = 0; i < options.tasks(); i++) {
                answers.add(visitors.get("/fast"));
            }
            answers.add(others.get("/fast"));
            answers.add(others.get("/stream"));
            answers.add(others.get("/file"));
            answers.add(others.upload("/upload", UPLOAD_SIZE));
            await(answers, MARGIN);
        }
    }

    private Result load(LimiterScope limiters, Client visitors, Client others, ScheduledExecutorService clock)
            throws Exception {
        List<Sample> samples = Collections.synchronizedList(new ArrayList<>());
        List<CompletableFuture<Answer>> fast = Collections.synchronizedList(new ArrayList<>());
        // At most a hundred for each task's time, so that the queue of 1024 is not filled by measuring.
        long period = Math.max(SAMPLE_MILLIS, options.taskTime().toMillis() / 100);

        List<Answer> idle = new ArrayList<>();
        for (int i = 0; i < IDLE_PROBES; i++) {
            idle.addAll(await(List.of(others.get("/fast")), MARGIN));
        }

        recorder.begin();
        ScheduledFuture<?> sampling =
                clock.scheduleAtFixedRate(() -> take(limiters, samples), 0, SAMPLE_MILLIS, TimeUnit.MILLISECONDS);
        ScheduledFuture<?> probing =
                clock.scheduleAtFixedRate(() -> fast.add(others.get("/fast")), 0, period, TimeUnit.MILLISECONDS);

        List<CompletableFuture<Answer>> hello = new ArrayList<>();
        for (int i = 0; i < options.tasks(); i++) {
            sleepUntil(i * SPACING_SECONDS);
            hello.add(visitors.get("/hello"));
        }

        sleepUntil(part(0.3));
        CompletableFuture<Answer> stream = others.get("/stream");
        CompletableFuture<Answer> file = others.get("/file");
        CompletableFuture<Answer> upload = others.upload("/upload", UPLOAD_SIZE);

        OptionalDouble resizedAt = OptionalDouble.empty();
        if (setup == Setup.RESIZED) {
            sleepUntil(part(0.5));
            resizedAt = OptionalDouble.of(recorder.now());
            limiters.background().resize(100);
        }

        List<Answer> answers = await(hello, patience);
        double workDone = awaitTasks(answers);
        probing.cancel(false);
        List<Answer> fastAnswers = await(List.copyOf(fast), patience);
        List<Answer> once = await(List.of(stream, file, upload), patience);
        sampling.cancel(false);
        take(limiters, samples);
        return new Result(
                setup,
                options.tasks(),
                options.taskSeconds(),
                List.copyOf(samples),
                idle,
                answers,
                fastAnswers,
                once.get(0),
                once.get(1),
                once.get(2),
                recorder.starts(),
                workDone,
                resizedAt);
    }

    /** Early in the first wave: the given seconds for tasks of two seconds, proportionally less for shorter ones. */
    private double part(double seconds) {
        return Math.min(seconds, options.taskSeconds() * seconds / 2);
    }

    private void take(LimiterScope limiters, List<Sample> samples) {
        Sample sample = recorder.sample(limiters);
        samples.add(sample);
        view.accept(sample);
    }

    private void sleepUntil(double at) throws InterruptedException {
        long millis = Math.round((at - recorder.now()) * 1000);
        if (millis > 0) {
            Thread.sleep(millis);
        }
    }

    /** Waits until what the answered requests left behind has ended, and tells when. */
    private double awaitTasks(List<Answer> answers) throws InterruptedException, TimeoutException {
        long expected = answers.stream().filter(Answer::ok).count();
        double deadline = recorder.now() + patience.toSeconds();
        while (recorder.done() < expected) {
            if (recorder.now() > deadline) {
                throw new TimeoutException("only " + recorder.done() + " of " + expected + " background tasks ended");
            }
            Thread.sleep(5);
        }
        return recorder.now();
    }

    private static List<Answer> await(List<CompletableFuture<Answer>> answers, Duration patience)
            throws InterruptedException, ExecutionException, TimeoutException {
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).get(patience.toSeconds(), TimeUnit.SECONDS);
        return answers.stream().map(CompletableFuture::join).toList();
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "example-load");
        thread.setDaemon(true);
        return thread;
    }
}
