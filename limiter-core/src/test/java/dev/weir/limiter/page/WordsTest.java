package dev.weir.limiter.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WordsTest {

    @ParameterizedTest
    @CsvSource({
        "0,             0 ms",
        "999999,        < 1 ms",
        "1000000,       1 ms",
        "999999999,     999 ms",
        "1050000000,    1.0 s",
        "9990000000,    9.9 s",
        "12000000000,   12 s",
        "60000000000,   1 min",
        "99000000000,   99 s",
        "300000000000,  5 min",
        "301000000000,  5 min 1 s",
        "7200000000000, 2 h",
        "7260000000000, 2 h 1 min"
    })
    void times_are_short(long nanos, String expected) {
        assertThat(Words.time(nanos)).isEqualTo(expected);
    }

    @Test
    void numbers_are_the_same_in_every_country() {
        assertThat(Words.number(1_234_567)).isEqualTo("1,234,567");
        assertThat(Words.rate(0)).isEqualTo("0");
        assertThat(Words.rate(0.25)).isEqualTo("0.3");
        assertThat(Words.rate(1234.4)).isEqualTo("1,234");
        assertThat(Words.capacity(CapacityLimiter.UNLIMITED)).isEqualTo("unlimited");
    }

    @Test
    void html_cannot_be_broken_out_of() {
        assertThat(Words.html("<b a=\"1\" c='2'>&amp;\u0000\n"))
                .isEqualTo("&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;\ufffd\ufffd");
    }

    @Test
    void json_cannot_be_broken_out_of() {
        String json = new Json()
                .open('{')
                .name("a\"b\\c\n\u0000é😀")
                .value("</script>")
                .name("list")
                .open('[')
                .value(1)
                .value(0.5)
                .open('{')
                .close('}')
                .close(']')
                .name("none")
                .value(OptionalLong.empty())
                .name("some")
                .value(OptionalLong.of(7))
                .name("last")
                .value(true)
                .close('}')
                .toString();

        assertThat(json)
                .isEqualTo("{\"a\\\"b\\\\c\\u000a\\u0000é\\ud83d\\ude00\": \"</script>\","
                        + " \"list\": [1, 0.500, {}], \"none\": null, \"some\": 7, \"last\": true}");
    }

    @Test
    void a_form_is_read_as_browsers_send_it() {
        Form form = Form.parse("limiter=partner+%2F+%C3%A9&capacity=5");

        assertThat(form.field("limiter")).contains("partner / é");
        assertThat(form.field("capacity")).contains("5");
        assertThat(form.field("else")).isEmpty();
        assertThat(Form.parse("").field("limiter")).isEmpty();
        assertThat(Form.parse(" &a=b=c&&d=\r\n").field("a")).contains("b=c");
        assertThat(Form.parse(" &a=b=c&&d=\r\n").field("d")).contains("");
    }

    @ParameterizedTest
    @CsvSource({
        "limiter,         'the body: expected name=value, joined by &'",
        "a=1&a=2,         'a: expected once'",
        "a=%zz,           'the body: expected characters escaped with a percent sign'"
    })
    void a_form_that_is_none_is_refused(String body, String message) {
        assertThatThrownBy(() -> Form.parse(body))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @CsvSource({
        "40,         0,  0,    0, false, IDLE",
        "40,         1,  0,    0, false, BUSY",
        "2147483647, 99, 0,    0, false, BUSY",
        "40,         40, 0,    0, false, FULL",
        "40,         41, 0,    0, false, FULL",
        "0,          0,  0,    0, false, PAUSED",
        "40,         40, 1, 1000, false, QUEUEING",
        "40,         40, 1, 1001, false, SATURATED",
        "0,          0,  1, 1001, false, SATURATED",
        "40,         39, 1, 1001, false, QUEUEING",
        "40,         1,  0,    0, true,  REFUSING"
    })
    void the_state_is_a_word_for_the_numbers(
            int capacity, int inUse, int waiting, long millis, boolean refusing, State expected) {
        Numbers now = Numbers.of(capacity, inUse, waiting, Duration.ofMillis(millis));

        assertThat(State.of(now, false, refusing)).isEqualTo(expected);
        assertThat(State.of(now, true, refusing)).isEqualTo(State.CLOSED);
    }
}
