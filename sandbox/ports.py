"""Which TCP ports on loopback our servers listen on."""

import secrets
import socket

LISTENING = range(15_000, 32_000)
"""Below what Linux and macOS hand out by themselves (32768 and 49152 on): a port that waits for its server, or for its
server's next start, is never given to somebody's outgoing connection meanwhile."""


def free_port() -> int:
    """A port that nobody listens on now, by chance, so that processes that ask at the same time do not meet."""
    while not port_is_free(port := secrets.choice(LISTENING)):
        pass
    return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
