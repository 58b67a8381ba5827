"""One POST over a connection of its own, which a stopping process can cancel at any point."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 20.0


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    """The answer's status, or None when there was no answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await _exchange(url, body, headers)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _exchange(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    target = urlsplit(url)
    secure = target.scheme == "https"
    port = target.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(target.hostname, port, ssl=secure or None)
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {target.netloc}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
