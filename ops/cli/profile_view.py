"""A profile in the terminal: identity, open visit, source, interests as bars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wakeline.escape import plain
from wakeline.profile_fields import COUNTS, TRAITS, Cart, Preference, Purchases, Record, Touch
from wakeline.profiles import Profile


def profile_view(profile: Profile, who: str = "", person: str = "", *, now: datetime | None = None) -> RenderableType:
    """`who` is the name for the title, `person` the id that was asked for, which may be an alias; default: the id."""
    now = now or datetime.now(UTC)
    title = Text.assemble((plain(who or profile.id), "bold"), f" on {profile.site}")
    return Panel(
        Group(
            _facts(profile, person or profile.id, now),
            *((Text(), _worth(profile.purchases)) if profile.purchases else ()),
            Text(),
            _interests(profile),
        ),
        title=title,
        title_align="left",
        width=88,
    )


def _facts(profile: Profile, person: str, now: datetime) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    session = profile.session
    if session:
        table.add_row(
            "now",
            Text.assemble(
                ("on the site", "green"),
                f" since {since(now, session.started)}, last event {since(now, session.last)} ago\n",
                f"on {plain(session.page) or '?'}, entered on {plain(session.entry) or '?'}\n",
                f"{count(session.page_views, 'page view')}, {duration(session.engaged_seconds)} engaged",
            ),
        )
    if cart := profile.cart:
        table.add_row("cart", Text(plain(_cart(cart, now))))
    table.add_row("seen", f"first {since(now, profile.first_seen)} ago, last {since(now, profile.last_seen)} ago")
    table.add_row(
        "in all",
        ", ".join(_counted(profile)),
    )
    if came := ", ".join(_came_from(profile)):
        table.add_row("came from", Text(came))
    if profile.touches:
        table.add_row("campaigns", Text("\n".join(plain(_touch(one, now)) for one in profile.touches)))
    if traits := ", ".join(filter(None, (getattr(profile, trait.name) for trait in TRAITS))):
        table.add_row("device", Text(plain(traits)))
    if profile.customer:
        table.add_row("customer", Text(plain(profile.customer)))
    if others := [plain(id) for id in (profile.id, *profile.aliases) if id != person]:
        table.add_row("known as", Text("\n".join(others)))
    if profile.visitors:
        table.add_row("visitors", Text("\n".join(map(plain, profile.visitors))))
    if profile.purchases and profile.purchases.orders:
        table.add_row("bought", _bought(profile.purchases, now))
    if profile.contacts_7d:
        table.add_row("contacts", f"{profile.contacts_7d} of yours in the last 7 days")
    if profile.record:
        for what, said in _told(profile.record):
            table.add_row(what, Text(plain(said)))
    return table


def _cart(cart: Cart, now: datetime) -> str:
    worth = "" if cart.value is None else f", {cart.value:,f} {cart.currency}"
    left = f", left for {since(now, cart.last)}" if cart.is_abandoned else ""
    return ", ".join(f"{pieces:g} x {product}" for product, pieces in cart.items.items()) + worth + left


def _touch(touch: Touch, now: datetime) -> str:
    source = touch.source
    parts = ", ".join(filter(None, (source.content, source.term)))
    return f"{source.campaign}{parts and f' ({parts})'}, by {source.source}, {since(now, touch.time)} ago"


def _bought(purchases: Purchases, now: datetime) -> str:
    said = count(purchases.orders, "order")
    first, last = purchases.first, purchases.last
    if first is None or last is None:
        return said
    if purchases.orders == 1:
        return f"{said}, {since(now, last)} ago"
    earliest = f", the first {since(now, first)} ago" if first < last else ""
    return f"{said}{earliest}, the latest {since(now, last)} ago"


def _worth(purchases: Purchases) -> Table:
    """What a customer is worth: amounts by currency, of all time and of the last 365 days."""
    has_discount = any(one.discount for one in (*purchases.all_time, *purchases.year))
    gap = 1 if has_discount else 2  # so that amounts of millions fit
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="dim")
    columns = ("revenue", *(("discount",) if has_discount else ()), "margin", "cost to serve", "profit")
    for name in ("", "", *columns):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    is_unknown = False
    for what, earned in (("all time", purchases.all_time), ("last 365 days", purchases.year)):
        for one in earned:
            is_unknown = is_unknown or bool(one.revenue_of_unknown_margin)
            mark = "*" if one.revenue_of_unknown_margin else ""
            amounts = (
                f"{one.revenue:,f}",
                *((f"{one.discount:,f}",) if has_discount else ()),
                f"{one.margin:,f}{mark}",
                f"{one.cost_to_serve:,f}",
                f"{one.profit:,f}{mark}",
            )
            table.add_row(Text(what, style="dim"), one.currency, *amounts)
    if is_unknown:
        table.caption = "* without orders whose margin is not known"
        table.caption_justify = "left"
    return table


def _told(record: Record) -> Iterator[tuple[str, str]]:
    """What servers and imports told of a customer, with a name."""
    if record.traits:
        yield "traits", ", ".join(f"{name} {value}" for name, value in record.traits.items())
    if record.tags:
        yield "tags", ", ".join(record.tags)
    for what, preferences in (("topics", record.topics), ("channels", record.channels)):
        if preferences:
            yield what, ", ".join(f"{name} {_preferred(one)}" for name, one in preferences.items())
    if consent := record.consent:
        said = [consent.level, *consent.purposes, consent.version and f"version {consent.version}"]
        wording = consent.wording and f": {consent.wording}"
        yield "consent", f"{', '.join(filter(None, said))} ({consent.time:%Y-%m-%d}){wording}"
    before = [f"{record.orders_before:,} orders"] if record.orders_before is not None else []
    if record.value_before is not None:
        before.append(f"{record.value_before:,f} {record.currency}")
    if before:
        yield "before", ", ".join(before)


def _preferred(one: Preference) -> str:
    return " ".join(filter(None, ("no" if one.allowed is False else "yes", one.frequency)))


def _counted(profile: Profile) -> Iterator[str]:
    for field in COUNTS:
        number = getattr(profile, field.attribute)
        yield f"{duration(number)} {field.noun}" if field.seconds else count(number, field.noun)


def _interests(profile: Profile) -> RenderableType:
    if not profile.interests:
        return Text("no interests yet", style="dim")
    table = Table.grid(padding=(0, 2))
    most = max(interest.score for interest in profile.interests)
    for interest in profile.interests:
        table.add_row(
            Text(plain(interest.name)),
            ProgressBar(total=most, completed=interest.score, width=40),
            f"{interest.score:.1f}",
        )
    return table


def _came_from(profile: Profile) -> Iterator[str]:
    """Known sources: a customer has no first source, and nobody has one before the first page view."""
    for which, source in (("first", profile.first_source), ("last", profile.last_source)):
        if source is not None and source.source:
            kind = source.source_class if source.source_class != source.source else ""
            more = ", ".join(plain(text) for text in (kind, source.campaign, source.content, source.term) if text)
            yield f"{which} {plain(source.source)}" + (f" ({more})" if more else "")


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def since(now: datetime, then: datetime) -> str:
    return duration(max(0.0, (now - then).total_seconds()))


def duration(seconds: float) -> str:
    """59 s, 4 min 10 s, 3 h 20 min, 12 days."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 172_800:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} days"
