package dev.weir.limiter.core.flight;

/**
 * What an event calls its limiter.
 *
 * @param limiter the limiter's name
 * @param role the role it was made for
 * @param scope the name of the scope that made it
 */
public record Labels(String limiter, String role, String scope) {}
