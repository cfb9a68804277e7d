"""Where what Wakeline says of campaigns differs from the truth, and whether it finds the effects that are known."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from tests.shop_years.brought import Brought, Row
from tests.shop_years.campaigns import KINDS_OF_ROWS, Live, of_lists
from tests.shop_years.owed import MODELS
from tests.shop_years.plans import BEST, VOID

NEAR = 0.005 + 1e-9  # of what a view rounds to two decimals
ROUNDED = ("orders", "return_on_cost")
SOME = 35  # fewest orders of a campaign from which its effect can be seen


def of_views(said: Brought, true: Brought) -> dict[str, list[str]]:
    """By what was compared."""
    found = {
        f"campaigns in SQL: {kind}": list(_of_rows(getattr(said, kind), getattr(true, kind))) for kind in KINDS_OF_ROWS
    }
    return found | {"campaigns in SQL: effects": list(effects(said))}


def of_live(lists: Live, browsers: dict[str, Row], true: Brought) -> dict[str, list[str]]:
    return {
        "visits in lists": list(_of_rows(lists, of_lists(true.visits))),
        "browsers": list(_of_rows(browsers, true.browsers)),
    }


def _of_rows(said: Mapping[Any, Any], true: Mapping[Any, Any]) -> Iterator[str]:
    for key in sorted(said.keys() | true.keys(), key=str):
        mine, theirs = said.get(key), true.get(key)
        if isinstance(theirs, dict) and isinstance(mine, dict):
            mine = {name: _as(theirs.get(name), value) for name, value in mine.items()}
        if mine != theirs:
            yield f"{_words(key)}: {_different(mine, theirs)}"


def _as(true: Any, said: Any) -> Any:
    """What is true, if what was said is that rounded."""
    is_rounded = isinstance(said, float) and isinstance(true, int | Fraction)
    return true if is_rounded and abs(said - float(true)) <= NEAR else said


def _different(said: Any, true: Any) -> str:
    if not (isinstance(said, dict) and isinstance(true, dict)):
        return f"{_plain(said)}, not {_plain(true)}"
    names = [name for name in said.keys() | true.keys() if said.get(name) != true.get(name)]
    return "; ".join(f"{name} {_plain(said.get(name))}, not {_plain(true.get(name))}" for name in sorted(names))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return str({name: _plain(one) for name, one in value.items()})
    return f"{float(value):g}" if isinstance(value, Fraction) else repr(value)


def _words(key: Hashable) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def effects(said: Brought) -> Iterator[str]:
    """The campaign that is known to bring the most has the highest profit; one without effect loses its cost."""
    for model in MODELS:
        of_model: dict[str, Row] = {campaign: row for (campaign, by), row in said.owed.items() if by == model}
        if not said.campaigns.get(BEST, {}).get("orders", 0) >= SOME:
            continue
        best = max(of_model, key=lambda campaign: of_model[campaign]["profit"])
        if best != BEST:
            yield f"{model}: {best} has the highest profit, not {BEST}"
        void = of_model[VOID]
        if not 0 < void["cost"] == -void["profit"]:
            yield f"{model}: {VOID} has a profit of {_plain(void['profit'])}, not the loss of {_plain(void['cost'])}"
