"""Error messages with suggestions; tracebacks only for internal errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from wakeline.config import ConfigError

FAILED = 1  # a valid command that failed, or whose answer is no
USAGE = 2  # an invalid command: flags, settings
ELSEWHERE = "To use another server, set --redis, WAKELINE_REDIS or redis in wakeline.toml"


class Refused(click.ClickException):
    """Ends the command with `message`, one line per problem."""

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            click.echo(f"{click.style('wakeline:', fg='red')} {line}", err=True, file=file)


@contextmanager
def config_errors() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise Refused(str(error)) from None


@contextmanager
def redis_errors(url: str, where: str = ELSEWHERE) -> Iterator[None]:
    """Error messages for commands that use Redis, the log or the history; `where`: how to name another server."""
    from redis.exceptions import RedisClusterException

    from wakeline.lanes import NoDeployment
    from wakeline.log import LogMismatch, LogUnavailable
    from wakeline.redis.failures import FAILURES

    try:
        yield
    except BrokenPipeError:
        raise  # of who reads what is printed; a server's is redis-py's own error
    except NoDeployment:
        raise Refused(f"no data has been collected in {shown_url(url)}: start `wakeline up` first", FAILED) from None
    except LogMismatch as error:
        raise Refused(str(error), FAILED) from None
    except LogUnavailable as error:
        raise Refused(f"{error}\nis everything running? `wakeline check` checks each part", FAILED) from None
    except (*FAILURES, RedisClusterException) as error:
        raise Refused(
            f"cannot use the Redis server {shown_url(url)}: {error}\nis `wakeline up` running? {where}",
            FAILED,
        ) from None


def shown_url(url: str) -> str:
    """A Redis URL without its password."""
    before, at, after = url.rpartition("@")
    scheme, _, user = before.partition("://")
    return f"{scheme}://{user.partition(':')[0]}:***@{after}" if at else url
