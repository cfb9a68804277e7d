"""Links of mails and letters: a click goes on to its target, an open gets its image, who unsubscribes is heard.

What happened is a fact about the mail, on disk before the answer. Whoever did not agree to be known by it is not: the
fact is then about a mail without a name, see `_home`. What a machine did sets nothing but its own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiohttp import web

from collector import link_pages as pages
from collector.agreed import Agreed
from collector.body import read_body
from collector.fact_fields import Fields
from collector.folded import Folded
from collector.link_outcomes import NAMES, UNKNOWN, Outcome
from collector.mail_machines import is_machine
from collector.memory import Memory, Step
from collector.metrics import Metrics
from collector.told import Bad
from collector.writer import GroupCommit
from wakeline.definitions import CONTACT_PURPOSE
from wakeline.event import Refusal
from wakeline.keyed import keyed
from wakeline.lanes import lane_of
from wakeline.mailing.making import ONE_CLICK
from wakeline.mailing.targets import Targets, with_campaign
from wakeline.mailing.token import CHANNEL, Kind, LinkKeys, Token, read
from wakeline.record import Fact, encode_record
from wakeline.settings import Site
from wakeline.vocabulary.things import SENT, event_id
from wakeline.vocabulary.types import PREFERENCE

MOST_BODY = 4_096  # bytes of a request to unsubscribe


HAPPENED = {
    Kind.CLICK: "campaign_clicked",
    Kind.OPEN: "campaign_opened",
    Kind.UNSUBSCRIBE: "campaign_unsubscribed",
}


class LinksOf(NamedTuple):
    """A site's links."""

    keys: LinkKeys
    targets: Targets
    fields: Fields
    secret: str


class MailLinks:
    """Answers at links. `path` is that of the links, without a slash at its end; `clock` gives ms since 1970."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        *,
        path: str,
        writer: GroupCommit,
        folded: Folded,
        agreed: Agreed,
        memory: Memory,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._sites = {
            key: LinksOf(
                LinkKeys(key, site.link_keys or (site.secret,)),
                Targets(site.origins, site.link_hosts),
                Fields(site.secret),
                site.secret,
            )
            for key, site in sites.items()
            if site.secret
        }
        self._start = len(path) + 1
        self._writer = writer
        self._folded = folded
        self._agreed = agreed
        self._memory = memory
        self._metrics = metrics
        self._clock = clock

    async def get(self, request: web.BaseRequest) -> web.StreamResponse:
        """A redirect, an image, or the page that asks; 404 for what is no link of ours. HEAD as well."""
        found = self._found(request)
        if found is None:
            return self._refused()
        token, text = found
        if token.kind is Kind.CLICK:
            return await self._click(request, token, text)
        if token.kind is Kind.OPEN:
            await self._happened(request, token, text)
            return pages.pixel()
        self._count(token.kind, Outcome.ASKED)
        return pages.ask()

    async def post(self, request: web.BaseRequest) -> web.StreamResponse:
        """Unsubscribe at once, as RFC 8058 has it, or from our own page."""
        found = self._found(request)
        if found is None:
            return self._refused()
        token, text = found
        if token.kind is not Kind.UNSUBSCRIBE:
            return pages.no_method("GET", "HEAD")
        body = await read_body(request, MOST_BODY)
        if isinstance(body, Refusal) or not _asks(body):
            return pages.not_asked()
        is_stored = await self._stored(self._unsubscribed(token, text))
        self._count(token.kind, Outcome.COUNTED if is_stored else Outcome.LOST)
        return pages.unsubscribed() if is_stored else pages.try_again()

    # ---- what they do ------------------------------------------------------------------------------

    async def _click(self, request: web.BaseRequest, token: Token, text: str) -> web.StreamResponse:
        if self._sites[token.site].targets.fault(token.target):
            return self._refused(token.kind)
        lane = await self._happened(request, token, text)
        if lane is not None and self._writer.is_open and (end := self._writer.end_of(lane)) is not None:
            await self._folded.wait(lane, end)
        return pages.redirect(with_campaign(token.target, token))

    async def _happened(self, request: web.BaseRequest, token: Token, text: str) -> int | None:
        """Tell what happened to a mail, and count it; the lane in which a person's click is now, else None."""
        outcome, home = await self._told(request, token, text)
        self._count(token.kind, outcome)
        is_seen = outcome in (Outcome.COUNTED, Outcome.UNNAMED)
        return lane_of(token.site, home, self._writer.lanes) if is_seen else None

    async def _told(self, request: web.BaseRequest, token: Token, text: str) -> tuple[Outcome, str]:
        """What became of it, and its home."""
        now = self._clock()
        if token.expires and now >= token.expires * 1000:
            return Outcome.EXPIRED, ""
        if not token.sent:
            return Outcome.NO_MAIL, ""
        if self._memory.step is Step.REFUSE:
            return Outcome.LOST, ""
        by_machine = is_machine(request.method, request.headers, sent_at=token.sent_at, now=now)
        home = await self._home(token)
        is_named = home == token.home and not by_machine
        more: dict[str, Any] = {"machine": True} if by_machine else {}
        try:
            fact = self._fact(token, text, home, token.whom if is_named else "", more)
        except Bad:  # another program signed a campaign that is none
            return Outcome.LOST, ""
        if not await self._stored([fact]):
            return Outcome.LOST, ""
        return Outcome.MACHINE if by_machine else Outcome.COUNTED if is_named else Outcome.UNNAMED, home

    async def _home(self, token: Token) -> str:
        """The mail; or, if its reader did not agree to be known by what it does with it, a mail without a name.

        Of one mail that is always the same one, so that it counts once; only the site's secret leads from one to the
        other.
        """
        if token.whom and await self._agreed.to(CONTACT_PURPOSE, token.site, token.whom):
            return token.home
        return unnamed(self._sites[token.site].secret, token.sent)

    def _unsubscribed(self, token: Token, text: str) -> Sequence[Fact]:
        """What is said of the mail, and of its reader: no more of the topic, or by the channel."""
        fields, facts = self._sites[token.site].fields, []
        if token.sent:
            with suppress(Bad):  # another program signed a campaign that is none
                facts.append(self._fact(token, text, token.home, token.whom, {}))
        of = {"topic": token.topic} if token.topic else {"channel": token.channel or CHANNEL}
        try:
            body = fields.cleaned({"allowed": False, **of}, [])
        except Bad:  # or a topic that is none
            body = {"allowed": False, "channel": CHANNEL}
        return [*facts, self._made(token, PREFERENCE, text, token.whom, token.whom, body)]

    # ---- facts -------------------------------------------------------------------------------------

    def _fact(self, token: Token, text: str, home: str, customer: str, more: Mapping[str, Any]) -> Fact:
        """What happened to a mail. Raises Bad."""
        said: dict[str, Any] = {"campaign": token.campaign, **more}
        if token.element:
            said["element"] = dict(token.element)
        if token.medium:
            said["medium"] = token.medium
        body = self._sites[token.site].fields.cleaned(said, [])
        return self._made(token, HAPPENED[token.kind], text, home, customer, body)

    def _made(self, token: Token, type: str, text: str, home: str, customer: str, body: dict[str, Any]) -> Fact:
        """A fact of this second: the same link counts once in it."""
        time = self._clock() // 1000 * 1000
        id = event_id(self._sites[token.site].secret, f"{type} {time} {text}")
        return Fact(token.site, home, type, id, time, time, customer=customer, body=body)

    async def _stored(self, facts: Sequence[Fact]) -> bool:
        lanes = self._writer.lanes or 1  # the log was never open: they will be refused
        records = [(lane_of(fact.site, fact.home, lanes), encode_record(fact)) for fact in facts]
        self._metrics.received += len(records)
        return not records or await self._writer.submit(records, sum(len(value) for _, value in records))

    # ---- the token ---------------------------------------------------------------------------------

    def _found(self, request: web.BaseRequest) -> tuple[Token, str] | None:
        """What a link of one of the sites says; None for any other."""
        text = request.raw_path[self._start :].partition("?")[0]  # mailers add parameters of their own
        token = read(text)
        links = self._sites.get(token.site) if token is not None else None
        if token is None or links is None or not links.keys.verifies(token, text):
            return None
        return (token, text) if token.whom or token.kind is not Kind.UNSUBSCRIBE else None

    def _refused(self, kind: Kind | None = None) -> web.Response:
        self._count(kind, Outcome.REFUSED)
        return pages.unknown()

    def _count(self, kind: Kind | None, outcome: Outcome) -> None:
        self._metrics.links[NAMES[kind] if kind is not None else UNKNOWN, outcome] += 1


def unnamed(secret: str, sent: str) -> str:
    """The id of the mail without a name that stands for a mail, whose hash is `sent`."""
    return f"{SENT.prefix}{keyed(secret, f'unnamed:{sent}').hex()[:32]}"


def _asks(body: bytes) -> bool:
    """Whether a body, as a form's or in parts, says what RFC 8058 has in it."""
    name, _, value = ONE_CLICK.encode().partition(b"=")
    return name + b"=" + value in body or (b'name="' + name + b'"' in body and value in body)
