"""Ports: whether one can be listened on, and the paths of health checks."""

from __future__ import annotations

import socket

ALIVE = "/healthz"  # 200: the process is alive
READY = "/readyz"  # 200: the process can do its work, otherwise 503


class CannotListen(Exception):
    """A port is taken or not allowed; the message names it and the reason. The process ends."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(f"cannot listen on {host} port {port}: {error.strerror or error}")


def hindrance(host: str, port: int) -> OSError | None:
    """The error of listening on `port`; None if it is free. Without SO_REUSEPORT, which would silently share a port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that just closed is free
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
