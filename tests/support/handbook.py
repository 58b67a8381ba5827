"""What docs/operations.md tells to do, as it stands there: tests do it."""

import re
from pathlib import Path
from typing import Final

HANDBOOK: Final = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


def blocks(language: str, word: str) -> list[str]:
    """The blocks of this language that hold the word, in their order."""
    return [block for block in re.findall(rf"```{language}\n(.*?)```", HANDBOOK, re.DOTALL) if word in block]
