"""Where the sandbox's own pages are, and where a form leads back to."""

from typing import Final
from urllib.parse import urlsplit

from api.tokens import Role

SECTIONS: Final = ("/agency", "/portal", "/sandbox/mail")
"""Pages that the bar lies under: the only ones that it leads back to."""


def log_in(control: str, role: Role, id: str) -> str:
    """Where a visitor logs in as an agency or a client, as often as they like."""
    return f"{control}/login/{role}/{id}"


def own_path(path: str) -> str | None:
    """The path as it is when it is of a page of ours; none for anything else that a form or link may hold."""
    if not path.isprintable() or "\\" in path or path.startswith("//"):
        return None
    parts = urlsplit(path)
    own = any(parts.path == section or parts.path.startswith(f"{section}/") for section in SECTIONS)
    return path if own and not (parts.scheme or parts.netloc) else None
