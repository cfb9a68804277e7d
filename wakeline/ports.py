"""Ports: whether one can be listened on, and where it is asked how its process does."""

from __future__ import annotations

import socket

ALIVE = "/healthz"  # 200: the process answers at all
READY = "/readyz"  # 200: it can do what it is for, else 503


class CannotListen(Exception):
    """A port is taken, or may not be used; names it and says why. The process ends."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(f"cannot listen on {host} port {port}: {error.strerror or error}")


def hindrance(host: str, port: int) -> OSError | None:
    """What listening on `port` would fail with, tried without SO_REUSEPORT, which joins a stranger's in silence."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that just closed is free
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
