"""Campaigns that are planned over HTTP: `/v1/server/campaigns`, beside those of wakeline.toml.

Each is a definition of its own (`crm.definitions`), whose body is the campaign, or `null` once it was deleted. Of an id
that the file names, too, the file's holds. The collector tells them, and the fold and reports hear of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import lru_cache
from hashlib import blake2b

import msgspec
from msgspec import Struct

from wakeline.config import campaigns
from wakeline.config.values import nearest
from wakeline.event import without_lone_surrogates
from wakeline.settings import CampaignRule, DayCostRule, Site

PATH = "/v1/server/campaigns"  # of all; of one with "/" and its id, percent-encoded
PREFIX = "campaign_"  # of the name of a definition; a hash of the id follows
MOST_TOLD = 500  # ids of a site that were ever planned over HTTP, deleted ones included: lanes know them for ever
MOST_BYTES = 32_768  # of one
MOST_BYTES_OF_SITE = 262_144  # of all that hold
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # names of definitions have no digits


class DayCost(Struct, forbid_unknown_fields=True):
    """What a campaign costs a day."""

    first: date
    last: date
    cost: float


class Plan(Struct, forbid_unknown_fields=True, kw_only=True):
    """A campaign as it is sent and answered; the fields are those of `settings.CampaignRule`."""

    id: str = ""  # if given, it must be that of the address
    type: str
    starts: date
    ends: date
    cost: float = 0.0
    costs: list[DayCost] = []
    send_cost: float = 0.0
    audience: str = ""
    goal: str = ""
    elements: list[str] = []


class BadPlan(ValueError):
    """What is wrong with a campaign that was sent. `field`: where, as `costs[0].cost`; "": the whole."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


_decode_plan = without_lone_surrogates(msgspec.json.Decoder(Plan).decode)
_decode_rule = msgspec.json.Decoder(CampaignRule | None).decode
_encode = msgspec.json.Encoder().encode
AT = re.compile(r" - at `\$\.?(.*)`$")
FIELD = re.compile(r"^Object (missing required|contains unknown) field `(.*?)`", re.DOTALL)
WANTED = {"`date`": "a day like 2026-12-01", "`float`": "a number", "`str`": "a text", "`array`": "a list"}


def plan_of(id: str, body: bytes) -> CampaignRule:
    """The campaign in a request's body. Raises BadPlan."""
    if len(body) > MOST_BYTES:
        raise BadPlan("", f"has {len(body):,} bytes, more than {MOST_BYTES:,}")
    try:
        sent = _decode_plan(body)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    except (ValueError, RecursionError):
        raise BadPlan("", "is no JSON object, or nested too deeply") from None
    if sent.id not in ("", id):
        raise BadPlan("id", "is another one than that of the address")
    fields = {name: getattr(sent, name) for name in Plan.__struct_fields__}
    fields |= {"id": id, "elements": tuple(sent.elements)}
    fields["costs"] = tuple(DayCostRule(first=one.first, last=one.last, cost=one.cost) for one in sent.costs)
    rule = CampaignRule(**fields)
    for field, what in campaigns.faults(rule):
        raise BadPlan(field, what)
    return rule


def _bad(said: str) -> BadPlan:
    at = AT.search(said)
    path = at[1] if at else ""
    what = said[: at.start()] if at else said
    if field := FIELD.match(what):
        known = (DayCost if path else Plan).__struct_fields__
        name = f"{path}.{field[2]}" if path else field[2]
        missing = field[1].startswith("missing")
        return BadPlan(name[:120], "is missing" if missing else f"is no field of a campaign{nearest(field[2], known)}")
    wanted = next((words for type, words in WANTED.items() if f"Expected {type}" in what), "")
    if not wanted and what.startswith("Invalid"):
        wanted = WANTED["`date`"]
    return BadPlan(path[:120], f"must be {wanted}" if wanted else "is none of a campaign's")


def shown(rule: CampaignRule) -> Plan:
    """A campaign as it is answered."""
    return msgspec.convert(rule, Plan, from_attributes=True)


def body_of(rule: CampaignRule | None) -> bytes:
    """The body of its definition; None: it is deleted."""
    return _encode(rule)


def name_of(id: str) -> str:
    """The name of its definition."""
    return PREFIX + blake2b(id.encode(), digest_size=12).hexdigest().translate(LETTERS)


def is_told(name: str) -> bool:
    """Whether a definition is such a campaign."""
    return name.startswith(PREFIX)


@lru_cache(2 * MOST_TOLD)
def decoded(body: bytes) -> CampaignRule | None:
    """The campaign that a body says. Raises ValueError, of which msgspec's errors are.

    Each change of one has a lane read all of the site again.
    """
    rule = _decode_rule(body)
    if rule is not None and (what := campaigns.campaign(rule)):
        raise ValueError(what)
    return rule


def with_told(site: Site, told: Iterable[CampaignRule | None]) -> Site:
    """The site with these campaigns beside its own, which come first."""
    ids = {rule.id for rule in site.campaigns}
    added = sorted((rule for rule in told if rule is not None and rule.id not in ids), key=lambda rule: rule.id)
    return replace(site, campaigns=(*site.campaigns, *added)) if added else site
