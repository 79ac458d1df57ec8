package dev.weir.limiter.servlet;

import io.undertow.Undertow;
import io.undertow.server.HttpHandler;
import io.undertow.server.handlers.BlockingHandler;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.function.Supplier;

/** Undertow without servlets. Apart from the tests, which are run without it too. */
final class NativeUndertow {

    private NativeUndertow() {}

    /** What a request is answered with. */
    static String answer(Supplier<String> answers, boolean onWorker) throws Exception {
        HttpHandler handler = exchange -> exchange.getResponseSender().send(answers.get());
        Undertow server = Undertow.builder()
                .addHttpListener(0, "localhost")
                .setIoThreads(1)
                .setHandler(onWorker ? new BlockingHandler(handler) : handler)
                .build();
        server.start();
        try {
            InetSocketAddress address =
                    (InetSocketAddress) server.getListenerInfo().get(0).getAddress();
            return Get.text(URI.create("http://localhost:" + address.getPort()));
        } finally {
            server.stop();
        }
    }
}
