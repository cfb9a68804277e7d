"""A person as rules see it, from a profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wakeline.profile_fields import Preference, Profile, Purchases, Record, Source
from wakeline.record import CUSTOMER_PREFIX
from wakeline.segments.person import NEVER_SEEN, Person
from wakeline.vocabulary.money import minor_units

NOTHING_BOUGHT = Purchases()
NO_RECORD = Record()
NO_SOURCE = Source("", "")


def of_profile(profile: Profile, currency: str) -> Person:
    """`currency`: the site's main one. Scores are those of the moment at which the profile was read: see `Fading`."""
    bought, record = profile.purchases or NOTHING_BOUGHT, profile.record or NO_RECORD
    first, last, cart = profile.first_source or NO_SOURCE, profile.last_source, profile.cart
    earned = next((each for each in bought.all_time if each.currency == currency), None)
    return Person(
        id=profile.id,
        is_customer=profile.id.startswith(CUSTOMER_PREFIX),
        first_seen=_ms(profile.first_seen) or NEVER_SEEN,
        last_seen=_ms(profile.last_seen) or NEVER_SEEN,
        visits=profile.visits,
        page_views=profile.page_views,
        engaged_ms=round(profile.engaged_seconds * 1_000),
        events=profile.events,
        device=profile.device,
        browser=profile.browser,
        os=profile.os,
        country=profile.country,
        first_source=first.source,
        first_source_class=first.source_class,
        first_campaign=first.campaign,
        last_source=last.source,
        last_source_class=last.source_class,
        last_campaign=last.campaign,
        scores={interest.name: interest.score for interest in profile.interests},
        cart_changed=_ms(cart.last) if cart else NEVER_SEEN,
        cart_value=minor_units(cart.value, currency) if cart and cart.value and cart.currency == currency else 0,
        orders=bought.orders,
        order_times=[_ms(time) for time in bought.times],
        first_order=_ms(bought.first) if bought.first else NEVER_SEEN,
        last_order=_ms(bought.last) if bought.last else NEVER_SEEN,
        revenue=minor_units(earned.revenue, currency, negative=True) if earned else 0,
        profit=minor_units(earned.profit, currency, negative=True) if earned else 0,
        consent=record.consent.level if record.consent else "",
        tags=record.tags,
        traits=record.traits,
        topics=_allowed(record.topics),
        channels=_allowed(record.channels),
    )


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1_000)


def _allowed(said: Mapping[str, Preference]) -> dict[str, bool | None]:
    return {name: preference.allowed for name, preference in said.items()}
