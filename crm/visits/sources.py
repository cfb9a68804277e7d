"""Where a visit came from: by the campaign parameters of its first page view, its click id, else its referrer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from crm.visits.referrers import class_of_name, known
from wakeline.labels import cut
from wakeline.vocabulary.sources import (
    CLICK_IDS,
    DIRECT,
    EMAIL,
    INTERNAL,
    OTHER,
    PAID,
    REFERRAL,
    SEARCH,
    SOCIAL,
)

PARAMETERS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "utm_id")
"""Those of a page's query that say where a visit came from."""
MAX_NAME = 100  # characters of a source, campaign, content, term or id
APPS = "android-app://"  # prefix of an Android app's name in a referrer

EMAIL_WORDS = frozenset(("email", "e-mail", "e_mail", "e mail", "mail", "newsletter"))  # as medium or source
PAID_MEDIUM = re.compile(
    r".*cp[acmv].*|ppc|paid.*|retargeting|remarketing|display|banner|interstitial|affiliates?|ads?"
)
SOCIAL_MEDIUM = re.compile(r"sm|social[-_ ]?(?:network|media)?")
CLASS_OF_MEDIUM = {"organic": SEARCH, "referral": REFERRAL, "link": REFERRAL}
MAILS = ("webmail.", "mail.", "e.mail.", "outlook.", "deref-")  # beginnings of hosts of mail services
MAIL_APPS = frozenset(("com.google.android.gm", "com.microsoft.office.outlook", "com.yahoo.mobile.client.android.mail"))


class Origin(NamedTuple):
    """Where a visit came from; "" for what nobody said."""

    source: str  # `utm_source`, else the name of the referring site, "google", or its host; "direct", "internal"
    campaign: str  # `utm_campaign`
    source_class: str  # from `vocabulary.sources.CLASSES`
    content: str = ""  # `utm_content`
    term: str = ""  # `utm_term`
    campaign_id: str = ""  # `utm_id`


def origin_of(
    query: Mapping[str, str], referrer: str, click: str, *, is_passing: Callable[[str], bool] = lambda _: False
) -> Origin:
    """Of a page view, by its kept query, its referrer, and the name of its click id.

    `is_passing`: whether a referrer is a page where people pay or log in, from which nobody comes.
    """
    if not query and not click:
        source, source_class = _of_referrer(referrer, is_passing)
        return Origin(source, "", source_class)
    named, medium = (query.get(name, "").strip().lower() for name in ("utm_source", "utm_medium"))
    source, source_class = _of_referrer(referrer, is_passing)
    clicked = CLICK_IDS.get(click)
    if clicked is not None and source_class in (DIRECT, INTERNAL):
        source, source_class = clicked.source, class_of(clicked.source)
    if named:
        source = cut(named, MAX_NAME)
        source_class = class_of(source)
    if clicked is not None and clicked.source_class:
        source_class = clicked.source_class
    source_class = _class_of_medium(medium) or source_class
    campaign, content, term, campaign_id = (
        cut(query.get(f"utm_{name}", "").strip(), MAX_NAME) for name in ("campaign", "content", "term", "id")
    )
    return Origin(source, campaign, source_class, content, term, campaign_id)


def is_marked(query: Mapping[str, str], click: str) -> bool:
    """Whether a page's own URL says where its visit came from: then it is one, whatever the referrer."""
    return bool(click) or any(query.get(name) for name in PARAMETERS)


@lru_cache(4_096)
def class_of(source: str) -> str:
    """The class of a source by its name alone. The site's own word (`utm_source=partner`) is "other"."""
    if source in (DIRECT, INTERNAL):
        return source
    if kind := class_of_name(source):
        return kind
    if source in EMAIL_WORDS:
        return EMAIL
    if "." not in source:
        return OTHER
    found = known(source)
    if found:
        return found.kind
    return EMAIL if source.startswith(MAILS) or source in MAIL_APPS else REFERRAL


@lru_cache(4_096)
def _class_of_medium(medium: str) -> str:
    """The class that `utm_medium` says, in lower case; "" for none."""
    if medium in EMAIL_WORDS:
        return EMAIL
    if PAID_MEDIUM.fullmatch(medium):
        return PAID
    if SOCIAL_MEDIUM.fullmatch(medium):
        return SOCIAL
    return CLASS_OF_MEDIUM.get(medium, "")


def _of_referrer(referrer: str, is_passing: Callable[[str], bool]) -> tuple[str, str]:
    """Source and class."""
    if not referrer:
        return DIRECT, DIRECT
    if referrer == INTERNAL or is_passing(referrer):
        return INTERNAL, INTERNAL
    source = _name_of(referrer)
    return source, class_of(source)


@lru_cache(4_096)
def _name_of(referrer: str) -> str:
    """The name of a referring site: "google" for "www.google.co.uk/"; its host without www if it has no name."""
    host, slash, path = referrer.removeprefix(APPS).partition("/")
    if host.count(":") == 1:
        host = host.partition(":")[0]
    host = host.lower().rstrip(".")
    if found := known(host, slash + path):
        return found.name
    return cut(host.removeprefix("www."), MAX_NAME)
