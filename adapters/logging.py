"""One JSON object a line on standard error: who reads it is a log collector.

What a log call passes as `extra` stands beside the message (`agency`, `subscription`, `request_id`, …). No card, mail
address, token or key is ever passed.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# What Temporal's adapters add: the whole info object of an activity, which repeats itself in every line.
_TOO_LONG: Final = frozenset({"temporal_activity", "temporal_workflow", "activity_info", "workflow_info"})


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: at (UTC), level, logger, message, its extras, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _OWN | _TOO_LONG)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send everything of `level` and above to standard error, as JSON. Called once, by a process's entry point."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line for each request to Stripe and the address in it: the gateway logs what matters.
    logging.getLogger("httpx").setLevel(logging.WARNING)
