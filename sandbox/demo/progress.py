"""A line at the foot of a terminal while the year passes: the sandbox's time, the share of the year, what is done."""

import contextlib
from collections.abc import Iterator
from datetime import datetime

from rich import progress
from rich.console import Console


class Progress:
    """Nothing of it is seen on a pipe: the story's own lines are all that a log needs."""

    def __init__(self, console: Console) -> None:
        self._bar = progress.Progress(
            progress.TextColumn("{task.fields[now]}"),
            progress.BarColumn(24),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.description}", style="dim"),
            progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._year = self._bar.add_task("starting", total=1.0, now="")

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with self._bar:
            yield

    def doing(self, what: str) -> None:
        self._bar.update(self._year, description=what)

    def at(self, now: datetime, share: float) -> None:
        """Where in the year we are, from 0 to 1."""
        self._bar.update(self._year, completed=min(max(share, 0.0), 1.0), now=f"{now:%b %d %Y}")
