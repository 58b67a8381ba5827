"""One JSON object a line on standard error: who reads it is a log collector.

Beside the message stand the ids of the work under way (adapters/telemetry/context.py: `request_id`, `agency`,
`subscription`, …) and what a log call passes as `extra`. No card, mail address, token or key is ever passed; what a
library or Stripe's own sentence would bring along is blotted out.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from adapters.telemetry import context

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# What Temporal's adapters add: of it stand `_STEP` in the line.
_TEMPORALS: Final = frozenset(
    {"temporal_activity", "temporal_workflow", "activity_info", "workflow_info", "__temporal_error_identifier"}
)
_STEP: Final = {"workflow_id": "workflow", "activity_type": "activity", "attempt": "try"}
_LEFT_OUT: Final = _OWN | _TEMPORALS | {"color_message"}
_SECRET: Final = re.compile(
    r"[\w.+%-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+"  # a mail address, or a password with its host
    r"|(?<=://)[^\s/@]+@"  # who logs in to an address
    r"|\b(?:sk|rk|whsec)_\w{6,}"  # a key of Stripe's
    r"|_secret_\w+"  # what lets a browser act on an intent
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a token
    r"|(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?!\w|\.\d)"  # a card's number
    r"|(?<=\nDETAIL:  )(?s:.*?)(?=\nHINT:  |\n\n|\Z)"  # what PostgreSQL shows of a row: names, whatever it holds
)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: at (UTC), level, logger, message, its context and extras, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        step = _temporals(record)
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _shown(record.getMessage().removesuffix(f" ({step})")),
            **{name: str(step[theirs]) for theirs, name in _STEP.items() if theirs in step},
            **context.current(),
        }
        line.update((name, _shown(value)) for name, value in vars(record).items() if name not in _LEFT_OUT)
        if record.exc_info:
            line["traceback"] = _shown(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _temporals(record: logging.LogRecord) -> Mapping[str, object]:
    """Of which workflow and activity a line of Temporal's own is: it is written outside of what binds the ids."""
    step = getattr(record, "temporal_activity", None) or getattr(record, "temporal_workflow", None)
    return step if isinstance(step, Mapping) else {}


def _shown(value: object) -> object:
    """As it stands in a line: numbers as they are, everything else as text without secrets."""
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(name): _shown(part) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(part) for part in value]
        case _:
            return blotted(str(value))


def blotted(text: str) -> str:
    """The text without what nobody may read in it."""
    return _SECRET.sub("[hidden]", text)


def configure_logging(level: str) -> None:
    """Send everything of `level` and above to standard error, as JSON. Called once, by a process's entry point."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Each would show a request to Stripe with its address, in which a mail address may stand, or with its body:
    # adapters/stripe/calls.py says what matters of it.
    for name in ("stripe", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # That a batch of spans is lost is one line; each try before that would be another.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
