"""`wakeline lag`: how far the profiles are behind the log, by lane."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, redis_errors
from ops.cli.options import read, some_settings
from wakeline.settings import Settings


@dataclass(frozen=True)
class LaneLag:
    """The state of one lane; offsets are positions in its log."""

    lane: int
    place: int  # applied up to here
    end: int  # of the log
    behind: int  # records
    behind_seconds: float  # age of the oldest unapplied record
    writer: str  # of the last write or claim
    state: str  # "", "torn", or "moves to N": no processor writes it
    archived: int | None  # the history holds all records before it; None: none was written


@click.command(short_help="Show how far the profiles are behind the log.")
@click.option("--max", "most", type=click.IntRange(0), metavar="N", help="Exit with 1 if more records wait in total.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@some_settings("redis", "log", "log_before")
def lag(most: int | None, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Show each lane's position, the number and age of its waiting records, and its processor.

    A lane that does not advance has no processor, is torn (`wakeline replay --lane N`) or waits for the end of a
    switch.
    """
    settings = read(config, flags, else_demo=True).settings
    with redis_errors(settings.redis):
        version, lanes = asyncio.run(_read(settings))
    behind = sum(one.behind for one in lanes)
    if as_json:
        import msgspec

        total = {"behind": behind, "behind_seconds": max(one.behind_seconds for one in lanes)}
        found = {"version": version, "lanes": [asdict(one) for one in lanes], "total": total}
        click.echo(msgspec.json.encode(found).decode())
    else:
        _show(version, lanes, behind)
    if most is not None and behind > most:
        raise SystemExit(FAILED)


def _show(version: int, lanes: list[LaneLag], behind: int) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from ops.cli.profile_view import duration
    from wakeline.escape import plain

    table = Table(box=SIMPLE, show_footer=True, title=f"key version {version}", title_justify="left")
    place, end = (sum(getattr(one, name) for one in lanes) for name in ("place", "end"))
    for name, footer, right in (
        ("lane", "all", True),
        ("applied", f"{place:,}", True),
        ("log end", f"{end:,}", True),
        ("behind", f"{behind:,}", True),
        ("for", duration(max(one.behind_seconds for one in lanes)) if behind else "", True),
        ("archived", "", True),
        ("owner", "", False),
    ):
        table.add_column(name, footer=footer, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for one in lanes:
        table.add_row(
            str(one.lane),
            f"{one.place:,}",
            f"{one.end:,}",
            f"{one.behind:,}",
            duration(one.behind_seconds) if one.behind else "",
            "" if one.archived is None else f"{one.archived:,}",
            f"[red]{one.state}[/red]" if one.state else plain(one.writer),
            style="yellow" if one.behind else None,
        )
    Console(highlight=False).print(table)


async def _read(settings: Settings) -> tuple[int, list[LaneLag]]:
    """The live version, and its lanes. Places are read before the log's ends, so no lane is ahead of its log."""
    from wakeline.history.identity import archived
    from wakeline.keys import DEPLOYMENT, Keys
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.log.opening import open_log
    from wakeline.redis.connect import connect

    async with connect(settings.redis) as redis:
        values: Any = await redis.hmget(DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        live = Keys(deployment.version)
        hashes: list[Any] = [await redis.hgetall(live.lane(lane)) for lane in range(deployment.lanes)]
        log = await open_log(settings, deployment.lanes)
        try:
            bounds = await log.bounds(range(deployment.lanes))
            sealed = await archived(redis, await log.identity())
            now = time.time()
            found = []
            for lane, fields in enumerate(hashes):
                place, end = int(fields.get(b"offset", 0)), bounds[lane].end
                since = await log.append_time(lane, place) if place < end else None
                found.append(
                    LaneLag(
                        lane=lane,
                        place=place,
                        end=end,
                        behind=max(0, end - place),
                        behind_seconds=max(0.0, now - since / 1000) if since else 0.0,
                        writer=_owner(fields.get(b"writer", b"").decode()),
                        state=_state(fields, deployment.version),
                        archived=sealed.get(lane, 0) if sealed else None,
                    )
                )
        finally:
            await log.close()
    return deployment.version, found


def _owner(writer: str) -> str:
    """Host and process, without the parts of the stamp that identify its starts and writes."""
    return ":".join(writer.split(":")[:2])


def _state(fields: dict[bytes, bytes], live: int) -> str:
    to = fields.get(b"moved", b"").decode().partition(" ")[0]
    if to == str(live):
        return "is being rebuilt"
    if to:
        return f"moves to {to}"
    return "torn" if fields.get(b"torn") == b"1" else ""
