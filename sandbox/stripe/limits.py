"""How many requests a second Stripe takes, when the limits are switched on."""

from collections import deque

from sandbox.stripe.errors import RateLimited

PER_ENDPOINT = 25
OVERALL = 100
WINDOW_SECONDS = 1.0


class RateLimits:
    """A sliding window of one second per endpoint and account, and one over everything."""

    def __init__(self) -> None:
        self.on = False
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._overall: deque[float] = deque()

    def admit(self, account: str, call: str, wall: float) -> None:
        """Count a request, or refuse it."""
        if not self.on:
            return
        recent = self._recent.setdefault((account, call), deque())
        for window in (recent, self._overall):
            while window and window[0] <= wall - WINDOW_SECONDS:
                window.popleft()
        if len(recent) >= PER_ENDPOINT or len(self._overall) >= OVERALL:
            raise rate_limited()
        recent.append(wall)
        self._overall.append(wall)


def rate_limited() -> RateLimited:
    """Stripe's refusal of one request too many."""
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    return RateLimited(message, code="rate_limit")
