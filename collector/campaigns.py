"""`/v1/server/campaigns`: a mailer or a marketing tool plans campaigns, with an API key of the scope `campaigns`.

They are definitions, as what `wakeline apply` says of the file: `plans` tells them, `wakeline.planned` has their form.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, NamedTuple
from urllib.parse import unquote

import msgspec
from aiohttp import web
from msgspec import Struct

from collector import server_answers as answers
from collector.body import is_json, read_body
from collector.keyring import Keyring
from collector.limiter import KeyLimiter
from collector.memory import Memory, Step
from collector.plans import Busy, Plans, TooMany, Unavailable
from wakeline.api_keys import Scope
from wakeline.config.campaigns import MOST_LETTERS, cost_money
from wakeline.event import Refusal
from wakeline.lanes import DeploymentMismatch
from wakeline.patience import Outage
from wakeline.planned import MOST_BYTES, PATH, BadPlan, Plan, plan_of, shown
from wakeline.settings import CampaignRule, Site

logger = logging.getLogger("wakeline.collector")

PATIENCE_S = 8.0  # for the log and Redis
OF_A_WRITE = 50  # events that it counts as in the key's limit: it is a record in every lane
By = Literal["file", "api"]
Reason = Literal["bad_campaign", "of_file", "too_many_campaigns", "unknown_campaign"]


class Planned(Struct):
    """A campaign, and where it is planned."""

    by: By  # file: wakeline.toml, which alone changes it; api
    campaign: Plan


class AllPlanned(Struct):
    """All campaigns of the key's site that hold, by id."""

    campaigns: list[Planned]


class NotPlanned(Struct, omit_defaults=True):
    """Why a request is refused, beside the reasons of `event.Refusal`."""

    reason: Reason
    message: str
    field: str = ""  # where, as "costs[0].cost"


class Asked(NamedTuple):
    """A request of a key that may plan."""

    key: str  # its name
    site: Site
    id: str


class Campaigns:
    """The handlers. `sites`: those of the settings."""

    def __init__(
        self, sites: Mapping[str, Site], *, keyring: Keyring, key_limiter: KeyLimiter, memory: Memory, plans: Plans
    ) -> None:
        self._sites = sites
        self._keyring = keyring
        self._key_limiter = key_limiter
        self._memory = memory
        self._plans = plans
        self._outage = Outage(logger)

    async def list(self, request: web.BaseRequest) -> web.Response:
        """200 with `AllPlanned`."""
        asked = self._asked(request)
        return asked if isinstance(asked, web.Response) else await self._within(self._listed(asked))

    async def get(self, request: web.BaseRequest) -> web.Response:
        """200 with `Planned`; 404."""
        asked = self._asked(request)
        return asked if isinstance(asked, web.Response) else await self._within(self._one(asked))

    async def put(self, request: web.BaseRequest) -> web.Response:
        """201 with `Planned` if it is new, else 200, once it is in every lane of the log; 400, 409."""
        asked = self._asked(request)
        if isinstance(asked, web.Response):
            return asked
        if refused := self._refused_write(asked):
            return refused
        if not is_json(request.headers.get("Content-Type")):
            return answers.refused(Refusal.WRONG_CONTENT_TYPE, "send Content-Type: application/json")
        body = await read_body(request, MOST_BYTES)
        if isinstance(body, Refusal):
            return answers.refused(body, f"send a campaign of {MOST_BYTES // 1024} KB at most")
        try:
            rule = plan_of(asked.id, body)
        except BadPlan as bad:
            return _refused(400, "bad_campaign", str(bad), bad.field)
        return await self._within(self._put(asked, rule))

    async def delete(self, request: web.BaseRequest) -> web.Response:
        """204 if it is planned no more; 404 if it never was, 409 if the file names it."""
        asked = self._asked(request)
        if isinstance(asked, web.Response):
            return asked
        return self._refused_write(asked) or await self._within(self._deleted(asked))

    # ---- the request -------------------------------------------------------------------------------

    def _asked(self, request: web.BaseRequest) -> Asked | web.Response:
        known = self._keyring.verified(request.headers.get("Authorization"))
        if known is None:
            if "Authorization" in request.headers and not self._keyring.is_ready:
                return answers.refused(Refusal.UNAVAILABLE)  # the key may be valid
            return answers.unauthorized()
        name, key = known
        site = self._sites.get(key.site)
        if site is None or Scope.CAMPAIGNS not in key.scopes:
            return answers.forbidden(Scope.CAMPAIGNS)
        path = request.raw_path.partition("?")[0]
        try:
            id = unquote(path.removeprefix(PATH).removeprefix("/"), errors="strict")
        except UnicodeDecodeError:
            return _refused(404, "unknown_campaign", "an id is percent-encoded UTF-8")
        if path != PATH and not 1 <= len(id) <= MOST_LETTERS["id"]:
            return _refused(404, "unknown_campaign", f"an id has 1 to {MOST_LETTERS['id']} characters")
        return Asked(name, site, id)

    def _refused_write(self, asked: Asked) -> web.Response | None:
        if self._memory.step is Step.REFUSE:
            return answers.refused(Refusal.UNAVAILABLE)
        if wait_s := self._key_limiter.waits_s(asked.key):
            return answers.refused(Refusal.RATE_LIMITED, "more than server_rate_limit allows", wait_s=wait_s)
        self._key_limiter.owes(asked.key, OF_A_WRITE)
        return None

    async def _within(self, answer: Awaitable[web.Response]) -> web.Response:
        """The answer, or 503 if it cannot be given now. Then it may have happened: to send it again is safe."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await answer
        except (Unavailable, Busy, DeploymentMismatch, TimeoutError) as error:
            self._outage.say(f"campaigns cannot be planned or read: {error or 'Redis or the log is too slow'}")
            return answers.refused(Refusal.UNAVAILABLE)

    # ---- the answer --------------------------------------------------------------------------------

    async def _listed(self, asked: Asked) -> web.Response:
        held = await self._plans.held(asked.site)
        told = [rule for rule in held.told.values() if rule is not None and rule.id not in held.of_file]
        every = [Planned("file", shown(rule)) for rule in held.of_file.values()]
        every += [Planned("api", shown(rule)) for rule in told]
        return _answered(200, AllPlanned(sorted(every, key=lambda one: one.campaign.id)))

    async def _one(self, asked: Asked) -> web.Response:
        held = await self._plans.held(asked.site)
        if asked.id in held.of_file:
            return _answered(200, Planned("file", shown(held.of_file[asked.id])))
        rule = held.by_id(asked.id)
        return _unknown(asked.id) if rule is None else _answered(200, Planned("api", shown(rule)))

    async def _put(self, asked: Asked, rule: CampaignRule) -> web.Response:
        held = await self._plans.held(asked.site)
        if asked.id in held.of_file:
            return _of_file(asked.id)
        if cost_money(rule) and not held.currency:
            message = "costs something, and the site has no currency: it is set in wakeline.toml"
            return _refused(400, "bad_campaign", message, _first_cost(rule))
        is_new = held.by_id(asked.id) is None
        try:
            await self._plans.tell(asked.site.key, asked.id, rule)
        except TooMany as many:
            return _refused(409, "too_many_campaigns", str(many))
        return _answered(201 if is_new else 200, Planned("api", shown(rule)))

    async def _deleted(self, asked: Asked) -> web.Response:
        held = await self._plans.held(asked.site)
        if asked.id in held.of_file:
            return _of_file(asked.id)
        if not held.knows(asked.id):
            return _unknown(asked.id)
        await self._plans.tell(asked.site.key, asked.id, None)
        headers = {name: value for name, value in answers.BASE.items() if name != "Content-Type"}
        return web.Response(status=204, headers=headers)


def _first_cost(rule: CampaignRule) -> str:
    return "cost" if rule.cost else "send_cost" if rule.send_cost else "costs"


def _answered(status: int, body: Planned | AllPlanned) -> web.Response:
    return web.Response(status=status, headers=answers.BASE, body=msgspec.json.encode(body))


def _refused(status: int, reason: Reason, message: str, field: str = "") -> web.Response:
    return web.Response(
        status=status, headers=answers.BASE, body=msgspec.json.encode(NotPlanned(reason, message, field))
    )


def _unknown(id: str) -> web.Response:
    return _refused(404, "unknown_campaign", f'no campaign "{id}" is planned')


def _of_file(id: str) -> web.Response:
    return _refused(
        409,
        "of_file",
        f'"{id}" is planned in wakeline.toml: change it there, or take it out there and `wakeline apply`',
    )


Handlers = Mapping[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]


def routes(campaigns: Campaigns) -> dict[str, Handlers]:
    """The paths, and who answers them."""
    one: Handlers = {"GET": campaigns.get, "PUT": campaigns.put, "DELETE": campaigns.delete}
    return {PATH: {"GET": campaigns.list}, f"{PATH}/": one}
