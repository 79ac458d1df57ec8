package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextTest {

    @Test
    void htmlCannotBeBrokenOutOf() {
        assertThat(Text.html("<b a=\"1\" c='2'>&amp;")).isEqualTo("&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
    }

    @Test
    void numbersLookAsTheyWereTyped() {
        assertThat(Text.number(2)).isEqualTo("2");
        assertThat(Text.number(0.5)).isEqualTo("0.5");
        assertThat(Text.millis(7.44)).isEqualTo("7.4 ms");
        assertThat(Text.millis(2065.4)).isEqualTo("2065 ms");
    }
}
