"""A history of which a person is erased, rewritten by the archiver: its records, its bytes, its numbers."""

from __future__ import annotations

import datetime
import gzip
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from archiver.persons import read
from archiver.rewriting import rewrite
from reports import Query, ask
from tests.sealed import LANES, seal, write
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact
from wakeline.history import History
from wakeline.history.names import day_of
from wakeline.lanes import lane_of
from wakeline.log import Entry
from wakeline.record import CustomerShare, Delta, Erase, Event, Record, Unlink, encode_record

TODAY = datetime.date(2027, 3, 1)
ANN, BEN = "@" + "a" * 32, "@" + "b" * 32
PHONE, TABLET, OTHER = "phone-of-ann-000000001", "tablet-of-both-0000001", "phone-of-ben-000000001"
T = 10 * DAY  # of the erasure, after START


def told(*records: Record | bytes, at: int = 0) -> list[tuple[int, Record | bytes]]:
    """With append times: a moment after each happened; of bytes `at`, after START."""
    return [(getattr(one, "time", START + at) + 20, one) for one in records]


def life() -> list[tuple[int, Record | bytes]]:
    """Ann on her phone and on a tablet that Ben uses too; she is erased, he is not."""
    order = "#" + "0" * 32
    share = CustomerShare("shop", ANN, PHONE, at=3, counts={"page_views": 2}, since=START + MINUTE)
    bought = {"value": 8_900, "currency": "EUR"}
    return told(
        event(PHONE, "page-one", 0, 0, interests=["Shoes"]),
        event(PHONE, "page-one", 1, MINUTE, "identify", customer=ANN),
        event(PHONE, "page-one", 2, 2 * MINUTE, "purchase", order=order, props=bought),
        event(PHONE, "page-one", 2, 2 * MINUTE, "purchase", order=order, props=bought),
        event(PHONE, "page-two", 0, DAY),
        event(TABLET, "page-six", 0, DAY),
        event(TABLET, "page-six", 1, DAY + MINUTE, "identify", customer=ANN),
        event(TABLET, "page-ten", 0, 3 * DAY),
        event(TABLET, "page-ten", 1, 3 * DAY + MINUTE, "identify", customer=BEN),
        event(OTHER, "page-abc", 0, 4 * DAY),
        event(OTHER, "page-abc", 1, 4 * DAY + MINUTE, "identify", customer=BEN),
        fact(ANN, "customer", 5 * DAY, {"traits": {"city": "Tromso"}}),
        fact(order, "purchase", 5 * DAY, bought, customer=ANN),
        Erase("shop", ANN, START + T),
        Erase("shop", PHONE, START + T, ANN),
        Erase("shop", TABLET, START + T, ANN),
        Unlink("shop", ANN, START + T),
        encode_record(Delta(lane_of("shop", PHONE, LANES), 0, 9, [share])),
        encode_record(fact(ANN, "tag", 0, {"tag": "vip"})).replace(b'"id":"', b'"id":1,"was":"'),
        at=T,
    )


def made(folder: Path, came: list[tuple[int, Record | bytes]] | None = None, *, files_of: int = 3) -> History:
    return seal(folder, sorted(came or life(), key=lambda one: one[0]), files_of=files_of)


def visit_over_it() -> list[tuple[int, Record | bytes]]:
    """The phone is erased while it is used; days later it comes back."""
    return told(
        event(PHONE, "page-one", 0, 0),
        event(PHONE, "page-two", 0, T - MINUTE),
        event(PHONE, "page-two", 1, T + 20 * MINUTE, "search"),
        event(PHONE, "page-abc", 0, T + 45 * MINUTE),
        event(PHONE, "page-new", 0, T + 2 * DAY),
        Erase("shop", PHONE, START + T),
    )


def night(folder: Path, *, today: datetime.date = TODAY, go_on: Callable[[], bool] = lambda: True) -> None:
    rewrite(History(str(folder)), lanes=LANES, today=today, go_on=go_on)


def records(folder: Path) -> list[Record]:
    history = History(str(folder))
    found = [
        read(entry.value)
        for lane in history.lanes()
        for segment in history.segments(lane)
        for entries in history.entries(segment)
        for entry in entries
    ]
    return [record for record in found if record is not None]


def visitors(folder: Path) -> set[str]:
    return {record.visitor for record in records(folder) if isinstance(record, Event)}


def added(folder: Path, *more: Record) -> None:
    """Write one more file for each record, at the end of its lane."""
    history = History(str(folder))
    for record in more:
        history.refresh()
        id = getattr(record, "home", "") or getattr(record, "visitor", "") or getattr(record, "id", "")
        lane, at = lane_of("shop", id, LANES), START + T + DAY
        write(history, lane, day_of(at), [Entry(history.bounds(lane).end, at, encode_record(record))])


def raw(folder: Path) -> list[bytes]:
    history = History(str(folder))
    segments = [segment for lane in history.lanes() for segment in history.segments(lane)]
    return [entry.value for segment in segments for entries in history.entries(segment) for entry in entries]


def raw_names(history: History) -> list[str]:
    history.refresh()
    return [segment.name for lane in history.lanes() for segment in history.segments(lane)]


def of(history: History, name: str) -> list[bytes]:
    segments = [segment for lane in history.lanes() for segment in history.segments(lane) if segment.name == name]
    return [entry.value for segment in segments for entries in history.entries(segment) for entry in entries]


QUESTIONS = (
    "select type, day, path, count(*), count(distinct visitor), count(distinct page) from events group by all",
    "select day, count(*), count(distinct visitor), sum(page_views), count(customer) from sessions group by all",
    "select count(*), sum(value), sum(revenue), count(customer), count(visitor) from orders",
    "select customer, count(*) from events group by all",
)


def answers(folder: Path) -> list[list[str]]:
    return [asked(folder, question) for question in QUESTIONS]


def asked(folder: Path, question: str) -> list[str]:
    with ask(History(str(folder)), Query(question), zones={}) as found:
        return sorted(map(str, found.rows()))


async def sealed(made: Timeline, folder: Path, *, lanes: int = 4) -> History:
    """All that the log holds, in one file a day and lane."""
    history = History(str(folder))
    for lane, bounds in (await made.log.bounds(range(lanes))).items():
        entries: list[Entry] = []
        while bounds.first + len(entries) < bounds.end:
            place = bounds.first + len(entries)
            entries += (await made.log.read({lane: place}, limit=1_000, wait_ms=0))[lane]
        for date, of_day in groupby(entries, key=lambda entry: day_of(entry.time)):
            write(history, lane, date, list(of_day))
    history.refresh()
    return history


def content(folder: Path) -> bytes:
    """Of all files, decompressed, and their names."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found += [path.name.encode(), gzip.decompress(data) if path.suffix == ".gz" else data]
    return b"\n".join(found)
