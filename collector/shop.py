"""Converts texts in a shop's events to numbers, and drops invalid amounts, currencies and order numbers.

Only the fields in `wakeline.commerce`, and only in its events: elsewhere a price means whatever the site defines.
"""

from __future__ import annotations

from typing import Any

from collector.props import Dropped
from wakeline.amounts import DECIMALS, MAX_QUANTITY, amount_of, quantity_of
from wakeline.commerce import (
    AMOUNTS,
    CURRENCY,
    EVENTS,
    IDS,
    ITEMS,
    PURCHASE,
    QUANTITY,
    REFUND,
    VALUE,
)
from wakeline.vocabulary.names import is_name

COUNTED = (PURCHASE, REFUND)  # in `orders`
CURRENCY_LETTERS = 3
READ = AMOUNTS | IDS | {QUANTITY}


def read_shop(type: str, sent: dict[str, Any], props: dict[str, Any], dropped: list[Dropped]) -> bool:
    """Correct money and orders in `props`, made from the `sent` ones; reasons for dropped ones are added to `dropped`.

    False if a purchase or a refund has an invalid amount. A refund without an amount is a full refund: one with an
    unreadable amount must not become that.
    """
    if type not in EVENTS:
        return True
    _read_currency(props, dropped)
    currency = props.get(CURRENCY) or ""
    if type in COUNTED and not _read_total(type, sent, props, currency, dropped):
        return False
    _read_fields(type, props, currency, dropped)
    items = props.get(ITEMS)
    if isinstance(items, list):
        for item in items:
            if isinstance(item, dict):
                _read_fields(type, item, currency, dropped)
    return True


def _read_total(type: str, sent: dict[str, Any], props: dict[str, Any], currency: str, dropped: list[Dropped]) -> bool:
    value, is_said = props.get(VALUE), VALUE in sent or VALUE in props
    if isinstance(value, str) and not is_name(value):
        del props[VALUE]
        dropped.append(Dropped.NO_VALUE)
    elif sent.get(VALUE) is not None or value is not None:  # null: JSON for NaN, or unknown
        amount = amount_of(value, currency)
        if amount is None or (amount < 0 and type == PURCHASE):
            return False
        props[VALUE] = abs(amount)
        return True
    return type == PURCHASE or not is_said


def _read_currency(props: dict[str, Any], dropped: list[Dropped]) -> None:
    currency = props.get(CURRENCY)
    if currency is None or (isinstance(currency, str) and currency in DECIMALS):
        return
    code = currency.strip().upper() if isinstance(currency, str) else ""
    if len(code) == CURRENCY_LETTERS and code.isascii() and code.isalpha() and is_name(code):
        props[CURRENCY] = code
    else:
        del props[CURRENCY]
        dropped.append(Dropped.BAD_CURRENCY)


def _read_fields(event: str, fields: dict[str, Any], currency: str, dropped: list[Dropped]) -> None:
    for name, value in [(name, value) for name, value in fields.items() if name in READ]:
        kind = type(value)
        if value is None or ((kind is float or kind is int) and 0 <= value <= MAX_QUANTITY):
            continue  # valid already: the usual case
        if name in AMOUNTS or name == QUANTITY:
            number = amount_of(value, currency) if name in AMOUNTS else quantity_of(value)
            if number is not None and number < 0 and name == QUANTITY:
                number = -number if event == REFUND else None
            _put(number, name, fields, Dropped.BAD_AMOUNT, dropped)
        elif name in IDS:
            named = value.strip() if isinstance(value, str) else value
            _put(named if is_name(named) else None, name, fields, Dropped.NO_VALUE, dropped)


def _put(value: Any, name: str, fields: dict[str, Any], reason: Dropped, dropped: list[Dropped]) -> None:
    if value is None:
        del fields[name]
        dropped.append(reason)
    else:
        fields[name] = value
