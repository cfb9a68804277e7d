"""The steps about purchases, refunds and promotions, see `steps`."""

from __future__ import annotations

from collector.context import RequestContext
from collector.shop import read_shop
from collector.signatures import is_order_signed
from wakeline.commerce import CODE, PROMOTIONS, PURCHASE, REFUND, SIGNATURE, TRANSACTION_ID
from wakeline.event import CONSENT, Refusal, WireEvent
from wakeline.labels import REDACTED
from wakeline.record import Event
from wakeline.vocabulary.names import is_name
from wakeline.vocabulary.things import ORDER, own_id, part_id, thing_id


def drop_bad_amount(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    if event.type == CONSENT or not record.props or read_shop(record.type, event.props, record.props, context.dropped):
        return None
    return Refusal.BAD_AMOUNT


def drop_forged(event: WireEvent, record: Event, context: RequestContext) -> Refusal | None:
    """Rejects a purchase with a wrong signature. The signature itself is not kept, only that it was right."""
    if record.type not in (PURCHASE, REFUND) or not record.props:
        return None
    record.props.pop(SIGNATURE, None)
    given = event.props.get(SIGNATURE)
    if record.type == REFUND or given is None or (isinstance(given, str) and not is_name(given)):
        return None
    record.signed = is_order_signed(event.props, record.props, secret=context.policy.secret)
    return None if record.signed else Refusal.BAD_SIGNATURE


def put_order(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Names the order, unless its number is missing or was redacted: then it could be any."""
    if record.type in (PURCHASE, REFUND):
        number = own_id(record.props.get(TRANSACTION_ID))
        if number is not None and REDACTED not in number:
            record.order = thing_id(context.policy.secret, ORDER, number)


def put_code(event: WireEvent, record: Event, context: RequestContext) -> None:
    """Keeps the keyed hash of a promotion's code, as of one that a server says."""
    if record.type in PROMOTIONS and record.props.pop(CODE, None) is not None:
        code = own_id(event.props.get(CODE))
        if code is not None:
            record.props[CODE] = part_id(context.policy.secret, "promotion", code)
