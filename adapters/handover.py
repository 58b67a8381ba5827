"""What comes of handing a message to somebody else's server."""


class NotTaken(Exception):
    """The message was not taken, or nobody knows whether it was. The text says why, without naming anybody.

    `answer` is the server's code, none when it gave none; `for_good`: asking again would bring the same.
    """

    def __init__(self, why: str, answer: int | None = None, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.answer = answer
        self.for_good = for_good


class Moot(Exception):
    """The message is not to be sent any more. The text says why."""
