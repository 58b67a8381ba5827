"""Recorded histories as files: Temporal's own JSON, one event a line, with payloads readable and noise left out.

A history as Temporal's tools write it (`temporal workflow show --output json`) is read as well.
"""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final

from temporalio.client import WorkflowHistory

from workflows.messages import subscription_workflow_id

_NOISE: Final = {
    "header",
    "historySizeBytes",
    "identity",
    "meteringMetadata",
    "requestId",
    "stackTrace",
    "taskId",
    "workerVersion",
}
"""Which process and file did it, and how: nothing of it decides what a workflow does."""
_PAYLOAD: Final = "json"
_ENCODING: Final = b64encode(b"json/plain").decode()


def write(history: WorkflowHistory, path: Path) -> None:
    events = (_compact(_readable(event)) for event in history.to_json_dict()["events"])
    path.write_text('{"events": [\n' + ",\n".join(events) + "\n]}\n")


def read(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(subscription_workflow_id("sub_demo"), _wire(json.loads(path.read_text())))


def _readable(node: Any) -> Any:
    match node:
        case {"metadata": {"encoding": encoding}, "data": data} if encoding == _ENCODING:
            return {_PAYLOAD: json.loads(b64decode(data))}
        case {"taskQueue": {"kind": "TASK_QUEUE_KIND_STICKY"}, **rest}:
            return _readable(rest)
        case dict():
            return {name: _readable(value) for name, value in node.items() if name not in _NOISE}
        case list():
            return [_readable(value) for value in node]
        case _:
            return node


def _wire(node: Any) -> Any:
    match node:
        case dict() if node.keys() == {_PAYLOAD}:
            return {
                "metadata": {"encoding": _ENCODING},
                "data": b64encode(_compact(node[_PAYLOAD]).encode()).decode(),
            }
        case dict():
            return {name: _wire(value) for name, value in node.items()}
        case list():
            return [_wire(value) for value in node]
        case _:
            return node


def _compact(node: Any) -> str:
    return json.dumps(node, ensure_ascii=False, separators=(",", ":"))
