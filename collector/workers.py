"""Several collector processes on one port: the kernel distributes connections (SO_REUSEPORT)."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from wakeline.children import RESTS, how
from wakeline.ports import CannotListen, hindrance
from wakeline.settings import Config
from wakeline.stopping import SIGNALS

logger = logging.getLogger("wakeline.collector")

Serve = Callable[[Config, int], int]  # runs one worker until SIGTERM; its exit code
FORK = multiprocessing.get_context("fork")  # before any event loop: settings and compiled patterns are shared


def run(config: Config, serve: Serve) -> int:
    """Serve with as many processes as the settings say, until SIGTERM or SIGINT. Raises CannotListen."""
    settings = config.settings
    internal = [(settings.internal_host, port) for port in settings.metrics_ports]
    for host, port in [(settings.host, settings.port), *internal]:
        if error := hindrance(host, port):
            raise CannotListen(host, port, error)
    return serve(config, 0) if settings.workers == 1 else _Supervisor(config, serve).run()


class _Supervisor:
    """Starts the workers, restarts dead ones, stops them all."""

    def __init__(self, config: Config, serve: Serve) -> None:
        self._config = config
        self._serve = serve
        self._alive: dict[int, tuple[BaseProcess, float]] = {}  # worker -> process, since
        self._rest = dict.fromkeys(range(config.settings.workers), 0.0)  # wait before its latest start
        self._due = dict.fromkeys(range(config.settings.workers), 0.0)  # when a dead worker is restarted

    def run(self) -> int:
        # Signals write to the pipe, so they always end the wait.
        readable, writable = os.pipe()
        for number in SIGNALS:
            signal.signal(number, lambda *_: os.write(writable, b"."))
        while True:
            now = time.monotonic()
            for worker in [worker for worker, due in self._due.items() if due <= now]:
                self._start(worker)
            timeout = min((due - now for due in self._due.values()), default=None)
            ready = wait([readable, *(process.sentinel for process, _ in self._alive.values())], timeout)
            if readable in ready:
                return self._stop()
            for worker in [worker for worker, (process, _) in self._alive.items() if process.sentinel in ready]:
                self._bury(worker)

    def _start(self, worker: int) -> None:
        del self._due[worker]
        process = FORK.Process(target=_child, args=(self._config, self._serve, worker), name=f"collector {worker}")
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the child has removed our handlers
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._alive[worker] = process, time.monotonic()

    def _bury(self, worker: int) -> None:
        process, since = self._alive.pop(worker)
        process.join()
        now = time.monotonic()
        rest = self._rest[worker] = RESTS.after(self._rest[worker], now - since)
        logger.error("worker %d %s; a new one starts in %.1f s", worker, how(process.exitcode or 0), rest)
        self._due[worker] = now + rest

    def _stop(self) -> int:
        """0 if all workers ended normally; a worker that is still starting is killed by the signal."""
        for process, _ in self._alive.values():
            process.terminate()
        for process, _ in self._alive.values():
            process.join()
        codes = {process.exitcode for process, _ in self._alive.values()}
        return 0 if codes <= {0, *(-number for number in SIGNALS)} else 1


def _child(config: Config, serve: Serve, worker: int) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)  # until its own loop handles signals
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    sys.exit(serve(config, worker))
