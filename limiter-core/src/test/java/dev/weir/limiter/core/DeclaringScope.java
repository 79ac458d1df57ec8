package dev.weir.limiter.core;

import dev.weir.limiter.LimiterScope;
import java.lang.reflect.Proxy;

/** A scope in which somebody declares a group just when somebody else has begun to listen, and has not looked yet. */
public final class DeclaringScope {

    private DeclaringScope() {}

    public static LimiterScope of(LimiterScope scope, String group) {
        return (LimiterScope) Proxy.newProxyInstance(
                DeclaringScope.class.getClassLoader(),
                new Class<?>[] {LimiterScope.class},
                (proxy, method, arguments) -> {
                    Object answer = method.invoke(scope, arguments);
                    if (method.getName().equals("listen")) {
                        scope.limiter(group, 1);
                    }
                    return answer;
                });
    }
}
