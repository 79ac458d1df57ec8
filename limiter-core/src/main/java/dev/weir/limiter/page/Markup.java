package dev.weir.limiter.page;

/** Writes HTML: what is ours as it is, and text of others so that it stays text. */
final class Markup {

    private final StringBuilder html = new StringBuilder(16_384);

    /** Markup of our own. */
    Markup add(String markup) {
        html.append(markup);
        return this;
    }

    Markup add(long number) {
        html.append(number);
        return this;
    }

    /** Anything, inside an element or a quoted attribute. */
    Markup text(String text) {
        html.append(Words.html(text));
        return this;
    }

    @Override
    public String toString() {
        return html.toString();
    }
}
