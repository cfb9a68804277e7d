"""From an event to a record, in steps. `drop_*` may reject, `put_*` only adds; the order is the list at the end."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from collector.cards import is_card_id
from collector.choices import choice_of
from collector.clean import clean_interests
from collector.context import RequestContext
from collector.lists import interests_of, with_lists
from collector.names import clean_name
from collector.salts import anonymous_id
from collector.shop_steps import drop_bad_amount, drop_forged, put_code, put_order
from collector.signatures import why_unsigned
from wakeline.event import (
    CONSENT,
    ENGAGEMENT,
    IDENTIFY,
    MAX_AGE_MS,
    MAX_ENGAGED_MS,
    MAX_SCROLL,
    PAGE_VIEW,
    PING,
    ConsentLevel,
    Refusal,
    WireEvent,
)
from wakeline.identity import customer_id
from wakeline.record import Erase, Event
from wakeline.vocabulary.types import FORGET

SIGNED = (IDENTIFY, FORGET)  # built-in types that need a signature

Step = Callable[[WireEvent, Event, RequestContext], Refusal | None]


def drop_own_traffic(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    """Excludes own traffic, except withdrawals and erasures."""
    is_wanted = event.type == FORGET or is_withdrawal(event, context)
    return Refusal.OWN_TRAFFIC if context.is_own and not is_wanted else None


def drop_unnamed(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    """Cleans the name. Rejects custom names that would become a built-in type by that."""
    name = clean_name(event.type)
    if name is None:
        return Refusal.BAD_EVENT
    record.type = name
    return None


def drop_incomplete(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    if event.type == CONSENT and event.level is None:
        return Refusal.BAD_EVENT
    return Refusal.BAD_EVENT if event.type in SIGNED and event.id is None else None


def drop_card(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    """Rejects ids that are card numbers, as ids are stored unchanged, also in keys.

    One in ten billion ids of the snippet is such a number.
    """
    if is_card_id(event.page) or (event.visitor is not None and is_card_id(event.visitor)):
        return Refusal.BAD_EVENT
    return None


def put_time(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Uses only the browser's own interval, so its clock may be years off; times in the future become now."""
    record.time = context.received - max(0, context.sent - event.time)


def drop_too_old(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    return Refusal.TOO_OLD if context.received - record.time > MAX_AGE_MS else None


def drop_without_consent(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    if event.type == FORGET:  # needs no consent; the signature says whom it is about
        return None
    if context.consent is ConsentLevel.FULL:
        return Refusal.MISSING_VISITOR if event.visitor is None else None
    if context.consent is ConsentLevel.OFF and event.type != CONSENT:
        return Refusal.NO_CONSENT
    if event.type == IDENTIFY:
        return Refusal.NO_CONSENT
    if event.visitor is None or context.is_capped or is_withdrawal(event, context):
        return None
    return Refusal.NO_CONSENT


def drop_without_salt(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    """Rejects anonymous events older than two days: their salt is destroyed."""
    if is_known(event, context) or record.time >= context.salts.oldest(context.policy.key):
        return None
    return Refusal.TOO_OLD


def put_origin(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Resolves URLs that a page's beforeSend made relative, for all later steps."""
    event.url = context.policy.whole(event.url, context.origin)


def drop_bad_url(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    return Refusal.BAD_URL if context.policy.page(event.url) is None else None


def drop_unsigned(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    if event.type not in SIGNED:
        return None
    policy = context.policy
    why = why_unsigned(event, secret=policy.secret, now=context.received, must_end=policy.identify_expires)
    context.message = why or ""
    return None if why is None else Refusal.BAD_SIGNATURE


def put_visitor(event: WireEvent, record: Event, context: RequestContext) -> None:
    if event.visitor is not None and is_known(event, context):
        record.visitor = event.visitor
        return
    site = context.policy.key
    salt = context.salts.salt(site, record.time)
    record.visitor = anonymous_id(salt, site=site, address=context.address, user_agent=context.user_agent)


def put_page(event: WireEvent, record: Event, context: RequestContext) -> None:
    page = context.policy.page(event.url)
    if page is not None:
        record.host, record.path, record.query, click = page
        if event.type == PAGE_VIEW:
            record.click = click


def put_agent(event: WireEvent, record: Event, context: RequestContext) -> None:
    record.device, record.browser, record.os, record.bot = context.agent


def put_country(event: WireEvent, record: Event, context: RequestContext) -> None:
    record.country = context.country


def put_body(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Copies the fields of the event's type; others are dropped."""
    if event.type == PAGE_VIEW:
        record.title = context.policy.title(event.title)
        record.referrer = context.policy.referrer(event.referrer) if event.referrer else ""
        record.interests = clean_interests(interests_of(event.interests)) if event.interests else []
        record.continued = event.continued
        record.gpc = context.has_gpc
    elif event.type == ENGAGEMENT:
        record.engaged_ms = min(event.engaged_ms, MAX_ENGAGED_MS)
        record.scroll = min(event.scroll, MAX_SCROLL)
        record.leave = event.leave
    elif event.type == CONSENT:
        record.level = event.level or ""
        record.props = choice_of(event, context.policy, context.dropped)
        record.gpc = context.has_gpc
    elif event.type in SIGNED:
        record.customer = customer_id(context.policy.secret, str(event.id))
    elif event.type != PING and event.props:
        record.props = context.policy.props(with_lists(record.type, event.props), context.dropped, event.url)


def put_counted_only(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Marks events that may not create a profile. The last step, so that rejected events do not use the budget.

    Bots and visitors without an id create none anyway.
    """
    if event.visitor is None or context.consent is not ConsentLevel.FULL or record.bot or event.type == FORGET:
        return
    short_of = context.profiles.short_of(context.address, record.site, record.visitor, now=context.received)
    if short_of is not None:
        record.counted_only = True
        context.short_of.append(short_of)


def is_withdrawal(event: WireEvent, context: RequestContext) -> bool:
    """Lowers the level. Such an event keeps its visitor id, which is needed to carry it out."""
    if event.type != CONSENT:
        return False
    if context.is_capped:
        return event.level is not ConsentLevel.FULL
    return context.consent is ConsentLevel.OFF and event.level is ConsentLevel.OFF


def is_known(event: WireEvent, context: RequestContext) -> bool:
    """Whether the event is recorded under the visitor id that it contains."""
    return event.visitor is not None and (context.consent is ConsentLevel.FULL or is_withdrawal(event, context))


STEPS: tuple[Step, ...] = (
    drop_own_traffic,
    drop_unnamed,
    drop_incomplete,
    drop_card,
    put_time,
    drop_too_old,
    drop_without_consent,
    drop_without_salt,
    put_origin,
    drop_bad_url,
    drop_unsigned,
    put_visitor,
    put_page,
    put_agent,
    put_country,
    put_body,
    drop_bad_amount,
    drop_forged,
    put_order,
    put_code,
    put_counted_only,
)


def cleaned(event: WireEvent, context: RequestContext) -> Event | Refusal:
    """The record of an accepted event, or the reason for its rejection. Raises SaltUnavailable."""
    record = blank(event, context)
    for step in STEPS:
        refusal = step(event, record, context)
        if refusal is not None:
            return refusal
    return record


def cleaned_timed(event: WireEvent, context: RequestContext, observe: Callable[[str, float], None]) -> Event | Refusal:
    """The same, reporting the seconds of each step: twice as slow, so only for a sample of events."""
    record = blank(event, context)
    for step in STEPS:
        began = perf_counter()
        refusal = step(event, record, context)
        observe(step.__name__, perf_counter() - began)
        if refusal is not None:
            return refusal
    return record


def blank(event: WireEvent, context: RequestContext) -> Event:
    return Event(
        site=context.policy.key,
        visitor="",
        type=event.type,
        page=event.page,
        n=event.n,
        time=context.received,
        received=context.received,
        host="",
        path="",
    )


def stored(record: Event) -> tuple[str, Event | Erase]:
    """What goes to the log for an accepted event, and the id whose lane it is for.

    A signed forget becomes the customer's erasure, as a server's does. A retry of it erases nothing that came since.
    """
    if record.type == FORGET:
        return record.customer, Erase(site=record.site, id=record.customer, time=record.time)
    return record.visitor, record
