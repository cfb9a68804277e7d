"""Redacts personal data in text. Pure, never raises, linear in the length of its input. `urls` cleans URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from collector.cards import Redact, redact_cards
from wakeline.event import MAX_INTEREST, MAX_INTERESTS
from wakeline.labels import REDACTED, cut
from wakeline.paths import unquoted
from wakeline.vocabulary.names import visible

# Invisible joiners, fillers and selectors that texts need: searches ignore them.
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]+"
)

LOCAL = r"[\w.%+'-]"  # the lookbehind makes it start once per run of such characters: linear
EMAIL_LIKE = re.compile(rf"(?<!{LOCAL}){LOCAL}+@(?:[\w-]{{1,63}}\.){{1,8}}(?:xn--[\w-]{{1,59}}|[^\W\d_]{{2,63}})")


def clean_text(text: str) -> str:
    """`text` without control and invisible characters, e-mail addresses and card numbers."""
    return redact(visible(text))


def redact(text: str, cards: Redact = redact_cards) -> str:
    """`text` with e-mail addresses and payment card numbers replaced.

    Also finds percent-encoded ones, and those with invisible characters, which are otherwise kept.
    """
    plain = text if text.isascii() else UNSEEN.sub("", text)
    if "%" in plain:
        plain = UNSEEN.sub("", decoded(plain))
    if plain != text:
        found = cards(redact_emails(plain))
        if found != plain:
            return found
    return cards(redact_emails(text))


def decoded(text: str) -> str:
    """`text` percent-decoded until it no longer changes, a few times at most, and without invisible characters."""
    return visible(unquoted(text))


def redact_emails(text: str) -> str:
    return EMAIL_LIKE.sub(REDACTED, text) if "@" in text else text


def clean_thing(name: str) -> str:
    """The name of an object, such as an order: as `clean_text`, but card numbers are kept."""
    return redact(visible(name), str)


def clean_interests(labels: Iterable[str]) -> list[str]:
    """The first MAX_INTERESTS labels that are not empty after cleaning, cut to size."""
    cleaned = (cut(clean_text(label).strip(), MAX_INTEREST) for label in labels)
    return list(islice(filter(None, cleaned), MAX_INTERESTS))
