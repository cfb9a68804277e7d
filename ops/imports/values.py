"""Reads the cells of a table: numbers exactly, dates in many forms, yes and no. None: the cell cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from wakeline.amounts import MAX_AMOUNT, exact
from wakeline.vocabulary.names import is_name

REPEATED = 4_096  # numbers: an order says each twice, and taxes and prices of shipping recur
MANY = 65_536  # dates that are remembered: rows of one day, or one order, repeat them
DAY_FIRST, MONTH_FIRST = "day first", "month first"

# ---- numbers

POINTS = re.compile(r"[-+]?\d+(?:\.\d+)?")
COMMAS = re.compile(r"[-+]?\d+(?:,\d+)?")
EXPONENT = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE][-+]?\d{1,3}")
THOUSAND = 3  # digits behind a separator that may be of thousands
WHOLE_AS_FLOAT = re.compile(r"(\d+)\.0")  # how tables that once had a gap write whole numbers


@lru_cache(REPEATED)
def number(text: str, point: str, currency: str = "") -> Decimal | None:
    """A number. `point` is the file's decimal separator, "" if it is not known: then see `wakeline.amounts`."""
    if point == ".":
        if POINTS.fullmatch(text):
            return Decimal(text)
    elif point == "," and COMMAS.fullmatch(text):
        return Decimal(text.replace(",", "."))
    text = text.strip()
    if text[:1] == "(" and text[-1:] == ")":  # how accountants write what is below zero
        found = exact(text[1:-1], currency, point)
        return None if found is None or found < 0 else -found
    if EXPONENT.fullmatch(text):  # how programs write what is very small or large
        found = Decimal(text.replace(",", "."))
        return found if abs(found) <= MAX_AMOUNT else None
    return exact(text, currency, point)


def point_of(cells: Iterable[str]) -> tuple[str, bool]:
    """The decimal separator of these numbers, "" if they do not show it; and whether one of them depends on it."""
    votes = {".": 0, ",": 0}
    depends = False
    for cell in cells:
        digits = re.sub(r"[^\d.,]", "", cell)
        last = max(digits.rfind("."), digits.rfind(","))
        if last < 0:
            continue
        mark = digits[last]
        behind = len(digits) - last - 1
        if digits.count(mark) > 1:
            votes["." if mark == "," else ","] += 1
        elif behind != THOUSAND or digits[0] == "0" or len(set(re.sub(r"\d", "", digits))) > 1 or last > THOUSAND:
            votes[mark] += 1
        else:
            depends = True
    if votes["."] == votes[","]:
        return "", depends
    return max(votes, key=lambda mark: votes[mark]), depends


def name(text: str) -> str | None:
    """A number of an order, a customer's id: 17850.0 is 17850. None for NULL and the like, which others would share."""
    text = text.strip()
    if not is_name(text):
        return None
    whole = WHOLE_AS_FLOAT.fullmatch(text)
    return whole[1] if whole else text


YES = frozenset(("1", "yes", "y", "true", "t", "ja", "j", "wahr", "x", "on", "subscribed", "allowed"))
NO = frozenset(("0", "no", "n", "false", "f", "nein", "falsch", "off", "unsubscribed", "", "denied"))


def yes(text: str) -> bool | None:
    plain = text.strip().lower()
    return True if plain in YES else False if plain in NO else None


# ---- dates

CLOCK = (
    r"(?:[T ,]+(?:at |um )?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp])?(?(half)\.?[Mm]\.?)(?:\s*(?:Uhr|h))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
DATE = re.compile(rf"(?P<a>\d{{1,2}})(?P<mark>[./-])(?P<b>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d{{2}}){CLOCK}")
YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[./-])(?P<a>\d{{1,2}})(?P=mark)(?P<b>\d{{1,2}}){CLOCK}")
WORDED = re.compile(
    rf"(?:[^\W\d]+\.?,? )?(?P<a>\d{{1,2}})(?:\.|st|nd|rd|th)?[ -](?P<word>[^\W\d]+)\.?,?[ -](?P<year>\d{{4}}){CLOCK}"
)
WORD_FIRST = re.compile(
    rf"(?:[^\W\d]+\.?, )?(?P<word>[^\W\d]+)\.? (?P<a>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}}){CLOCK}"
)
STAMP = re.compile(r"\d{10}(?:\d{3})?")  # seconds or ms since 1970
MONTHS = {
    word: month
    for month, words in enumerate(
        ("jan", "feb", "mar mär mrz mae", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez"),
        start=1,
    )
    for word in words.split()
}


class Dates:
    """Reads dates as ms since 1970. `zone` is of those without one; without it these raise NoZone."""

    def __init__(self, order: str, zone: tzinfo | None) -> None:
        self._is_month_first = order == MONTH_FIRST
        self._zone = zone
        self.read = lru_cache(MANY)(self._read)

    def _read(self, text: str) -> int | None:
        text = text.strip()
        if STAMP.fullmatch(text):
            return int(text) * (1 if len(text) > 10 else 1000)
        try:
            moment = self._moment(text)
        except (ValueError, OverflowError):
            return None
        if moment is None:
            return None
        if moment.tzinfo is None:
            if self._zone is None:
                raise NoZone
            moment = moment.replace(tzinfo=self._zone)
        found = round(moment.timestamp() * 1000)
        return found if found > 0 else None

    def _moment(self, text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        if found := DATE.fullmatch(text):
            first, second = int(found["a"]), int(found["b"])
            return _at(found, second, first) if not self._is_month_first else _at(found, first, second)
        if found := YEAR_FIRST.fullmatch(text):
            return _at(found, int(found["a"]), int(found["b"]))
        if found := WORDED.fullmatch(text) or WORD_FIRST.fullmatch(text):
            month = MONTHS.get(found["word"][:3].lower())
            return None if month is None else _at(found, month, int(found["a"]))
        return None


def _at(parts: re.Match[str], month: int, day: int) -> datetime:
    """Raises ValueError if there is no such moment."""
    year = int(parts["year"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (half in "pP")
    moment = datetime(year, month, day, hour, int(parts["minute"] or 0), int(parts["second"] or 0))
    zone = parts["zone"]
    if zone is None:
        return moment
    return moment.replace(tzinfo=UTC) if zone[0] not in "+-" else datetime.fromisoformat(f"{moment.isoformat()}{zone}")


class NoZone(ValueError):
    """The date has no zone, and none was said."""


def order_of(cells: Iterable[str]) -> str:
    """Whether the day or the month comes first in dates; "" if these do not show it, "iso" if none is so written."""
    is_ambiguous = False
    for cell in cells:
        found = DATE.fullmatch(cell.strip())
        if found is None:
            continue
        first, second = int(found["a"]), int(found["b"])
        if first > 12 >= second or found["mark"] == ".":
            return DAY_FIRST
        if second > 12 >= first:
            return MONTH_FIRST
        is_ambiguous = is_ambiguous or first != second
    return "" if is_ambiguous else "iso"


def has_zone(cell: str) -> bool:
    """Whether a date says its zone, or needs none."""
    try:
        Dates(DAY_FIRST, None).read(cell)
    except NoZone:
        return False
    return True
