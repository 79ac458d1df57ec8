package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.page.LimitsPage;
import dev.weir.limiter.tck.IdleLimiters;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The page as a browser shows it, beside what is true. Leaves pictures in {@code target/limits-page}. */
@Timeout(180)
class LimitsPageInBrowserTest {

    private static final String HOSTILE =
            "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

    private static final Path PICTURES = Path.of("target", "limits-page");

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final CapacityLimiter partner = idle.watchAndClose(CapacityLimiter.builder("partner-api")
            .capacity(3)
            .maxWaiting(2)
            .trackHolders(Duration.ofHours(1))
            .build());
    private final CapacityLimiter hostile = idle.watchAndClose(CapacityLimiter.of(HOSTILE, 2));
    private final LimiterScope scope = idle.watch(LimiterScope.builder()
            .name("shop")
            .limiter(LimiterRole.ENDPOINTS, partner)
            .limiter(LimiterRole.SHARED, hostile)
            .open());
    private final List<Permit> held = new ArrayList<>();
    private final CountDownLatch mayEnd = new CountDownLatch(1);
    private Server server = ServerKind.JETTY.create();
    private LimitsPage page = LimitsPage.of(scope);

    @AfterEach
    void stop() throws Exception {
        mayEnd.countDown();
        held.forEach(Permit::close);
        server.stop();
        page.close();
        scope.close();
    }

    private URI serve(boolean allowResize, int port) throws Exception {
        if (allowResize) {
            page.close();
            page = LimitsPage.builder(scope).allowResize(exchange -> true).open();
        }
        return URI.create("http://127.0.0.1:" + server.start(Map.of("/limits", page), port) + "/limits");
    }

    private static ConditionFactory patiently() {
        return Awaitility.await().atMost(Duration.ofSeconds(60));
    }

    /** The card of a limiter, in the words that can be read there. */
    private static String card(Browser browser, String name) throws Exception {
        return browser.text("(() => { const card = [...document.querySelectorAll('article')].find(card =>"
                + " card.querySelector('h3').textContent.startsWith(\"" + name + "\"));"
                + " return card ? card.innerText.replace(/\\s+/g, ' ') : ''; })()");
    }

    private static String line(Browser browser, String selector) throws Exception {
        return browser.text("(document.querySelector('" + selector + "') || document.createElement('p'))"
                + ".innerText.replace(/\\s+/g, ' ')");
    }

    /** 3 of 3 in use, one of them by work that runs; 2 waiting; one refused. */
    private List<CompletableFuture<Permit>> saturate() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CompletableFuture<Void> work = Limiters.run(partner, () -> {
            running.countDown();
            hold();
            return null;
        });
        assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(work).isNotDone();
        held.add(partner.acquire());
        held.add(partner.acquire());
        List<CompletableFuture<Permit>> waiting = List.of(partner.acquireAsync(), partner.acquireAsync());
        assertThat(partner.acquireAsync()).isCompletedExceptionally();
        return waiting;
    }

    private void hold() throws InterruptedException {
        assertThat(mayEnd.await(170, TimeUnit.SECONDS)).isTrue();
    }

    private void end(List<CompletableFuture<Permit>> waiting) throws Exception {
        mayEnd.countDown();
        held.forEach(Permit::close);
        for (CompletableFuture<Permit> waiter : waiting) {
            waiter.get(20, TimeUnit.SECONDS).close();
        }
    }

    @Test
    void whatItShowsIsTrueAndFollowsWhatHappens() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(false, 0);
            List<CompletableFuture<Permit>> waiting = saturate();
            browser.device(1280, 1000, false);
            browser.look(address);

            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));
            patiently()
                    .untilAsserted(() -> assertThat(card(browser, "partner-api"))
                            .contains(
                                    "3 of 3 in use, 0 free",
                                    "In use: 3 now",
                                    "Waiting: 2 now",
                                    "waiting 2 of at most 2")
                            .contains("admitted 3", "refused 1", "1 queue full"));
            // The first row is the one in trouble, in words; the title of the tab says it too.
            patiently().untilAsserted(() -> {
                assertThat(partner.acquireAsync()).isCompletedExceptionally();
                assertThat(line(browser, "tbody tr")).startsWith("partner-api refusing 3 of 3 2 ");
            });
            assertThat(browser.text("document.title")).isEqualTo("▲ partner-api refusing · Limits");
            assertThat(line(browser, ".verdict"))
                    .startsWith("1 of 4 limiters needs a look partner-api is refusing: 3 of 3 in use");
            assertThat(browser.number("document.querySelectorAll('#holders ~ .scroll tbody tr').length"))
                    .isEqualTo(3);
            assertThat(browser.text("document.querySelector('#holders ~ .scroll').innerText"))
                    .contains("works at", "LimitsPageInBrowserTest.hold(LimitsPageInBrowserTest.java:")
                    .contains("asked at", "LimitsPageInBrowserTest.saturate(LimitsPageInBrowserTest.java:");
            assertThat(browser.is("document.querySelector('form, input')")).isFalse();
            // Ten seconds later nobody is being refused, but two have been waiting for long.
            patiently()
                    .untilAsserted(
                            () -> assertThat(line(browser, "tbody tr")).startsWith("partner-api saturated 3 of 3 2 "));
            browser.screenshot(PICTURES.resolve("light.png"));

            end(waiting);
            patiently()
                    .untilAsserted(() -> assertThat(card(browser, "partner-api"))
                            .contains("0 of 3 in use, 3 free", "waiting 0 of at most 2", "admitted 5"));
            assertThat(line(browser, ".verdict")).isEqualTo("All 4 limiters keep up.");
            assertThat(browser.text("document.title")).isEqualTo("Limits");
            assertThat(browser.complaints()).isEmpty();
        }
    }

    @Test
    void whatIsOpenStaysOpenWhileThePageLivesOn() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(true, 0);
            List<CompletableFuture<Permit>> waiting = saturate();
            browser.look(address);
            // What is shown at first may be of a moment when they had not all come.
            patiently()
                    .untilAsserted(
                            () -> assertThat(line(browser, "#holders ~ .scroll tbody"))
                                    .matches(
                                            "partner-api .* works at .* partner-api .* asked at .* partner-api .* asked at .*"));

            assertThat(browser.is("document.querySelector('details').open = true"))
                    .isTrue();
            assertThat(browser.is("(document.querySelector('#limiter-1 input').focus(), true)"))
                    .isTrue();
            browser.text("document.querySelector('#limiter-1 input').value = '77'");
            String age = line(browser, "#holders ~ .scroll tbody tr td");
            patiently()
                    .untilAsserted(() -> assertThat(line(browser, "#holders ~ .scroll tbody tr td"))
                            .isNotEqualTo(age));

            assertThat(browser.is("document.querySelector('details').open")).isTrue();
            assertThat(browser.text("document.activeElement.value")).isEqualTo("77");
            end(waiting);
        }
    }

    @Test
    void aCapacityIsChangedFromThePageWhereThatIsAllowed() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(true, 0);
            List<CompletableFuture<Permit>> waiting = saturate();
            browser.device(1280, 1000, true);
            browser.look(address);
            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));

            browser.is("document.querySelector('#limiter-0 input').select()");
            browser.type("5");

            patiently().until(() -> waiting.stream().allMatch(CompletableFuture::isDone));
            assertThat(partner.capacity()).isEqualTo(5);
            patiently()
                    .untilAsserted(() -> assertThat(line(browser, "#limiter-0 output"))
                            .isEqualTo("Limiter 'partner-api': capacity 3 → 5"));
            patiently()
                    .untilAsserted(() -> assertThat(card(browser, "partner-api"))
                            .contains("5 of 5 in use, 0 free", "Waiting: 0 now"));
            browser.screenshot(PICTURES.resolve("dark-resized.png"));

            browser.is("document.querySelector('#limiter-0 input').select()");
            browser.type("many");
            patiently()
                    .untilAsserted(() -> assertThat(line(browser, "#limiter-0 output.wrong"))
                            .isEqualTo("capacity: expected a number from 0, or 'unlimited', was 'many'"));
            assertThat(partner.capacity()).isEqualTo(5);
            assertThat(browser.complaints()).hasSize(1).first().asString().contains("400");
            end(waiting);
        }
    }

    @Test
    void aHostileNameIsOnlyText() throws Exception {
        try (Browser browser = Browser.open()) {
            browser.look(serve(true, 0));
            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));

            assertThat(browser.text(
                            "[...document.querySelectorAll('article h3 span')].map(e => e.textContent).join('|')"))
                    .contains(HOSTILE);
            assertThat(browser.text("document.title")).isEqualTo("Limits");
            assertThat(browser.number(
                            "document.querySelectorAll('script').length + document.querySelectorAll('img').length"))
                    .isEqualTo(1);
            // The policy would stop it even if it were more than text.
            browser.is("document.body.insertAdjacentHTML('beforeend', '<i onclick=\"document.title=1\"></i>')");
            browser.is("document.querySelector('i').click()");
            assertThat(browser.text("document.title")).isEqualTo("Limits");
            await().untilAsserted(() -> assertThat(browser.complaints())
                    .hasSize(1)
                    .first()
                    .asString()
                    .contains("Content Security Policy"));
        }
    }

    @Test
    void onAPhoneNothingIsCutOff() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(true, 0);
            List<CompletableFuture<Permit>> waiting = saturate();
            browser.device(390, 844, false);
            browser.look(address);
            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));

            assertThat(browser.number("document.documentElement.scrollWidth")).isLessThanOrEqualTo(390);
            browser.screenshot(PICTURES.resolve("phone.png"));
            browser.device(390, 844, true);
            browser.screenshot(PICTURES.resolve("phone-dark.png"));
            end(waiting);
        }
    }

    @Test
    void withoutJavaScriptItIsASnapshot() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(true, 0);
            List<CompletableFuture<Permit>> waiting = saturate();
            browser.scripting(false);
            browser.device(1280, 1000, false);
            browser.look(address);

            patiently()
                    .untilAsserted(() -> assertThat(card(browser, "partner-api"))
                            .contains("3 of 3 in use, 0 free", "Waiting: 2 now"));
            assertThat(line(browser, "#live")).isEqualTo("As of loading this page");
            assertThat(browser.number("document.querySelector('form').offsetHeight"))
                    .isZero();
            end(waiting);
            // Taken again every ten seconds.
            patiently()
                    .untilAsserted(
                            () -> assertThat(card(browser, "partner-api")).contains("0 of 3 in use, 3 free"));
            assertThat(browser.complaints()).isEmpty();
        }
    }

    @Test
    void itSaysWhenNobodyAnswersAndGoesOnAfterARestart() throws Exception {
        try (Browser browser = Browser.open()) {
            URI address = serve(false, 0);
            browser.look(address);
            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));

            server.stop();
            patiently()
                    .untilAsserted(() -> assertThat(line(browser, "#lost"))
                            .startsWith("No answer from the application. These numbers are those of "));
            assertThat(line(browser, "#live")).isEqualTo("Not live");

            server = ServerKind.JETTY.create();
            serve(false, address.getPort());
            patiently().untilAsserted(() -> assertThat(line(browser, "#live")).startsWith("Live · "));
            assertThat(browser.is("document.getElementById('lost').hidden")).isTrue();
        }
    }
}
