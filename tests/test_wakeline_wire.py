"""`wakeline.event` agrees with the golden files of `tests/wire/`, which the snippet's tests read too.

Each file in `refused/` names its reason, and in `by` what refuses it: the schema of the envelope or of the event, or
the collector's rules after the schema. It has a `body`, or a `text` that is sent unchanged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wakeline.event import MAX_EVENTS, STATUS, Envelope, Refusal, WireEvent, decode_envelope, decode_event

WIRE = Path(__file__).parent / "wire"
ACCEPTED = sorted(WIRE.glob("*.json"))
REFUSED = sorted(WIRE.glob("refused/*.json"))


def name(path: Path) -> str:
    return path.stem


def refused(path: Path) -> tuple[Refusal, str, bytes]:
    """(reason, by whom, the request's body)."""
    golden: dict[str, Any] = json.loads(path.read_bytes())
    body = golden["text"] if "text" in golden else json.dumps(golden["body"])
    return Refusal(golden["reason"]), golden["by"], body.encode()


@pytest.mark.parametrize("path", ACCEPTED, ids=name)
def test_a_golden_envelope_is_accepted(path: Path) -> None:
    envelope = decode_envelope(path.read_bytes())
    assert 0 < len(envelope.events) <= MAX_EVENTS
    for raw in envelope.events:
        decode_event(raw)


@pytest.mark.parametrize("path", ACCEPTED, ids=name)
def test_a_golden_envelope_holds_nothing_that_the_contract_does_not_name(path: Path) -> None:
    golden = json.loads(path.read_bytes())
    assert set(golden) == set(Envelope.__struct_fields__)
    for event in golden["events"]:
        assert set(event) <= set(WireEvent.__struct_fields__)


def test_every_field_of_the_contract_occurs_in_a_golden_event() -> None:
    events = [event for path in ACCEPTED for event in json.loads(path.read_bytes())["events"]]
    assert set().union(*events) == set(WireEvent.__struct_fields__)


@pytest.mark.parametrize("path", REFUSED, ids=name)
def test_a_refused_body_is_refused_where_it_says(path: Path) -> None:
    reason, by, body = refused(path)
    if by == "envelope":
        assert reason is Refusal.MALFORMED
        with pytest.raises((msgspec.MsgspecError, RecursionError)):
            decode_envelope(body)
        return
    events = decode_envelope(body).events
    if by == "event":
        assert reason is Refusal.BAD_EVENT
        for raw in events:
            with pytest.raises((msgspec.MsgspecError, RecursionError)):
                decode_event(raw)
        return
    assert by == "rules"
    for raw in events:
        decode_event(raw)


def test_every_reason_that_a_body_alone_can_give_has_a_golden_file() -> None:
    needs_more_than_a_body = {
        Refusal.BAD_ENCODING,
        Refusal.FOREIGN_ORIGIN,
        Refusal.TIMEOUT,
        Refusal.TOO_LARGE,
        Refusal.WRONG_CONTENT_TYPE,
        Refusal.RATE_LIMITED,
        Refusal.UNAVAILABLE,
        Refusal.OWN_TRAFFIC,
        Refusal.INTERNAL,
    }
    of_servers = {Refusal.UNAUTHORIZED, Refusal.NO_SECRET, Refusal.BAD_TIME, Refusal.NOT_YOURS}
    assert {refused(path)[0] for path in REFUSED} == set(Refusal) - needs_more_than_a_body - of_servers
    assert set(STATUS) < set(Refusal)
