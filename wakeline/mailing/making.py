"""All the links of one mail or letter, checked and signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from wakeline.clock import now_ms
from wakeline.durations import DAY_MS
from wakeline.event import CustomerId
from wakeline.mailing import targets
from wakeline.mailing.token import (
    CHANNEL,
    MAX_TARGET,
    Kind,
    LinkKeys,
    Token,
    Word,
    customer_hash,
    sent_hash,
)
from wakeline.vocabulary.fields import Element, Label, Name, Text
from wakeline.vocabulary.names import is_name
from wakeline.vocabulary.things import own_id

PATH = "/l"  # below which the collector has links; the setting link_path names another
DAYS = 365  # until links end that name no other end
MOST_DAYS = 3_650
MOST_LINKS = 200  # of one mail
ONE_CLICK = "List-Unsubscribe=One-Click"  # RFC 8058: the value of a header, and the body of the request it announces


class BadLink(ValueError):
    """A link that cannot be made; the message names the field."""


class Link(Struct, kw_only=True, forbid_unknown_fields=True):
    """One link of a mail."""

    url: Annotated[str, Meta(min_length=1, max_length=MAX_TARGET)]
    link: Text = ""  # its name in the mail, such as "top": the element `link`
    content: Word = ""  # of utm_content; else the name


class Mail(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent to one person, and what its links are to say. Without `sent_id` they are those of a poster."""

    campaign: Label
    sent_id: Name | None = None  # as in `campaign_sent`
    customer: CustomerId | int | None = None
    links: Annotated[list[Link], Meta(max_length=MOST_LINKS)] = []
    element: dict[Element, Text] = {}  # of all its links, and of its pixel
    medium: Word = targets.MEDIUM  # of utm_medium
    source: Word = targets.SOURCE  # of utm_source
    sent_at: int | str | None = None  # when it goes out, ms since 1970 or ISO 8601 with its zone
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = DAYS  # until its links end
    channel: Word = CHANNEL  # that it unsubscribes from, unless there is a topic
    topic: Word = ""


class Made(Struct, omit_defaults=True):
    """The links of one mail."""

    links: list[str]  # in their order
    pixel: str = ""  # URL of an image; "": without a `sent_id` nobody knows whose it is
    unsubscribe: str = ""  # "": it takes a `sent_id` and a `customer`
    headers: dict[str, str] = {}  # List-Unsubscribe and List-Unsubscribe-Post, to be signed by DKIM as well


class Links:
    """Makes links of the site with this key; `url` is the collector's address for browsers, `path` its link_path.

    `secret` is the site's, `keys` are its link_keys, `origins` and `hosts` its origins and link_hosts. Raises
    ValueError without a secret.
    """

    def __init__(
        self,
        url: str,
        site: str,
        *,
        secret: str,
        origins: Sequence[str],
        hosts: Sequence[str] = (),
        keys: Sequence[str] = (),
        path: str = PATH,
    ) -> None:
        if not secret:
            raise ValueError("a site without a secret has no links: its ids are hashed with it")
        self._base = f"{url.rstrip('/')}{path}/"
        self._site = site
        self._secret = secret
        self._keys = LinkKeys(site, keys or (secret,))
        self._targets = targets.Targets(origins, hosts)

    def mail(self, *, now: int | None = None, **said: Any) -> Made:
        """The links of a mail, whose fields are those of `Mail`. `now`: ms since 1970. Raises BadLink."""
        if isinstance(at := said.get("sent_at"), datetime):
            if at.tzinfo is None:
                raise BadLink("sent_at: has no time zone")
            said["sent_at"] = at.isoformat()
        try:
            mail = msgspec.convert(said, Mail)
        except msgspec.ValidationError as error:
            raise BadLink(str(error)) from None
        return self.made(mail, now=now_ms() if now is None else now)

    def made(self, mail: Mail, *, now: int) -> Made:
        """The same of what was read. Raises BadLink."""
        base = self._token(mail, now)
        clicks = [self._click(base, link, index) for index, link in enumerate(mail.links)]
        if not base.sent:
            return Made(clicks)
        pixel = self._url(msgspec.structs.replace(base, kind=Kind.OPEN))
        if not base.customer or not (mail.topic or mail.channel):
            return Made(clicks, pixel)
        end = self._url(
            msgspec.structs.replace(
                base, kind=Kind.UNSUBSCRIBE, topic=mail.topic, channel="" if mail.topic else mail.channel, expires=0
            )
        )
        return Made(clicks, pixel, end, {"List-Unsubscribe": f"<{end}>", "List-Unsubscribe-Post": ONE_CLICK})

    def _token(self, mail: Mail, now: int) -> Token:
        """What all its links say."""
        sent = customer = ""
        if mail.sent_id is not None:
            if (own := own_id(mail.sent_id)) is None:
                raise BadLink("sent_id: is empty, or says that there is no value")
            sent = sent_hash(self._secret, own)
        if mail.customer is not None:
            if own_id(mail.customer) is None:
                raise BadLink("customer: is empty, or says that there is no value")
            customer = customer_hash(self._secret, str(mail.customer))  # as it stands, see `collector.facts`
        for name in ("campaign", "topic", "channel"):
            said = getattr(mail, name)
            if (said or name == "campaign") and not is_name(said):
                raise BadLink(f"{name}: is empty, or says that there is no value")
        return Token(
            key=self._keys.first, site=self._site, kind=Kind.CLICK, campaign=mail.campaign.strip(), sent=sent,
            customer=customer, element={name: text for name, text in mail.element.items() if text},
            medium="" if mail.medium == targets.MEDIUM else mail.medium,
            source="" if mail.source == targets.SOURCE else mail.source,
            sent_at=_seconds(mail.sent_at), expires=(now + mail.days * DAY_MS) // 1000,
        )  # fmt: skip

    def _click(self, base: Token, link: Link, index: int) -> str:
        target = targets.written(link.url)
        if fault := self._targets.fault(target):
            raise BadLink(f"links[{index}].url: {fault}")
        element: dict[Element, str] = {**base.element, **({"link": link.link} if link.link else {})}
        return self._url(
            msgspec.structs.replace(base, target=target, element=element, content=link.content), f"links[{index}]"
        )

    def _url(self, token: Token, field: str = "element") -> str:
        try:
            return self._base + self._keys.signed(token)
        except ValueError as error:
            raise BadLink(f"{field}: {error}") from None


def _seconds(time: int | str | None) -> int:
    """s since 1970. Raises BadLink."""
    if time is None:
        return 0
    if isinstance(time, str):
        try:
            at = datetime.fromisoformat(time.strip())
        except ValueError:
            raise BadLink(
                "sent_at: is neither a number of ms since 1970 nor a time as 2026-03-01T12:00+01:00"
            ) from None
        if at.tzinfo is None:
            raise BadLink("sent_at: has no time zone")
        time = int(at.timestamp() * 1000)
    if not 0 < time < 10**14:
        raise BadLink("sent_at: is no time between the years 1970 and 5138")
    return time // 1000
