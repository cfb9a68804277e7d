"""Rules of segments: what they find, what they refuse, and when they may change on their own."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeline.durations import DAY_MS, NEVER
from wakeline.segments.explain import explained
from wakeline.segments.language import Fading, compiled
from wakeline.segments.person import Person
from wakeline.segments.source import MOST_CHARACTERS, MOST_NESTED, BadRule

NOW = 1_800_000_000_000
FADING = Fading(NOW - 3 * DAY_MS, 7 * DAY_MS)
ANNA = Person(
    id="@anna",
    is_customer=True,
    first_seen=NOW - 100 * DAY_MS,
    last_seen=NOW - DAY_MS,
    visits=12,
    engaged_ms=900_000,
    country="IT",
    last_campaign="winter-sale",
    scores={"lamps": 8.0, "rugs": 0.5},
    orders=3,
    order_times=(NOW - DAY_MS, NOW - 20 * DAY_MS, NOW - 89 * DAY_MS),
    first_order=NOW - 89 * DAY_MS,
    last_order=NOW - DAY_MS,
    revenue=12_345,
    profit=-500,
    tags=("vip",),
    traits={"plan": "gold", "age": 33, "card": True, "weird": ["gold"]},
    topics={"news": True, "offers": False},
    channels={"phone": False, "email": True, "sms": None},
)
NOBODY = Person(id="visitor-1")


def matches(rule: str, person: Person = ANNA, now: int = NOW) -> bool:
    return compiled(rule, currency="EUR").matches(person, now, FADING)


HOLD = [
    "visits == 12",
    "1 < visits <= 12",
    "visits != 11 and not visits != 12",
    "visits > 20 or visits > 3 and orders == 3",
    "is_customer and not (orders == 0)",
    "last_seen < 2d and last_seen > 23h",
    "2d > last_seen",
    "last_seen <= 24 h and last_seen >= 1 d",
    "first_seen > 14w and first_seen < 1y",
    "last_order > first_order",
    "last_seen - first_seen > 98d",
    "engaged >= 15min and engaged < 15.1 min",
    "engaged / visits > 74s",
    "country == 'IT' and country in ('IT', \"PL\") and country not in ['DE']",
    "'winter' in last_campaign and 'summer' not in last_campaign",
    "'vip' in tags",
    "visits in (1, 12)",
    "revenue > 123.44 EUR and revenue < 123.46EUR and revenue == 123.45 EUR",
    "profit < 0 EUR and -profit > 4 EUR",
    "revenue / orders > 41 EUR",
    "revenue / 100 EUR > 1.2",
    "visits * 2 - 3 > 20 and +visits > 0 and -3 < visits",
    "interests['lamps'] > 5.9 and interests['lamps'] < 6",
    "interests['lamps'] > interests['rugs'] * 10",
    "interests['lamps'] / interests['rugs'] == 16",
    "interests['none'] < 1",
    "count('purchase', 90d) == 3 and count('purchase', 30d) == 2 and count('purchase', 1d) == 0",
    "traits['plan'] == 'gold' and traits['age'] >= 30 and traits['card']",
    "traits['plan'] in ('gold', 'silver') and 'ol' in traits['plan'] and traits['age'] in (33,)",
    "topics['news'] and not topics['offers'] and not topics['other']",
    "channels['email'] and channels['sms'] and channels['post'] and not channels['phone']",
    "share('half') < 0.5 or share('half') >= 0.5",
    "visits > 3  # who comes often\n  and orders > 0",
    "(visits > 3)and(orders>0)",
    "1_000 > visits and 1e3 > visits",
]


@pytest.mark.parametrize("rule", HOLD)
def test_what_holds(rule: str) -> None:
    assert matches(rule)
    assert not matches(f"not ({rule}\n)")


OF_NOTHING = [
    "last_seen < 2d",
    "last_seen > 2d",
    "last_order - first_order > -1d",
    "revenue / orders > 0 EUR",
    "revenue / orders <= 0 EUR",
    "visits / orders != 3",
    "traits['age'] < 99",
    "traits['plan'] == 'gold'",
    "topics['news']",
    "cart_changed > 1s",
    "interests['lamps'] / interests['rugs'] > 0",
]


@pytest.mark.parametrize("rule", OF_NOTHING)
def test_of_what_is_not_known_nothing_holds(rule: str) -> None:
    assert not matches(rule, NOBODY)


@pytest.mark.parametrize(
    "rule", ["traits['weird'] == 'gold'", "traits['weird'] > 3", "'gold' in traits['weird']", "traits['age']"]
)
def test_a_trait_is_only_what_it_is(rule: str) -> None:
    assert not matches(rule)


REFUSED = {
    "": (1, 1, "the rule is empty: write a comparison, such as visits > 3"),
    "# nothing": (1, 1, "the rule is empty: write a comparison, such as visits > 3"),
    "oders == 0": (1, 1, "there is no field oders: did you mean orders?"),
    "visits > 3 and\n  coutry == 'IT'": (2, 3, "there is no field coutry: did you mean country?"),
    "visits > 'x'": (1, 10, "visits is a number, 'x' a text: write a number"),
    "country == 3": (1, 12, 'country is a text, 3 a number: write "3"'),
    "country > 'A'": (1, 11, "texts are equal or not: use ==, != or in"),
    "visits = 3": (1, 8, 'one "=" has no meaning here: write == to compare'),
    "visits > 3 and": (1, 15, "this is no rule: invalid syntax"),
    "(visits > 3": (1, 1, "this is no rule: '(' was never closed"),
    "visits > 3)": (1, 11, "this is no rule: unmatched ')'"),
    "country == 'IT": (1, 12, "a quotation mark is not closed"),
    "country == 'à' and visits > 3 §": (1, 31, "'§' has no meaning here"),
    "country == 'à' and oders > 3": (1, 20, "there is no field oders: did you mean orders?"),
    "visits": (1, 1, "visits is a number: compare it, such as with > or =="),
    "visits is 3": (1, 11, "write == for is"),
    "visits > None": (1, 10, "there is no None: of what is not known no comparison holds"),
    "visits > True": (1, 10, "visits is a number, True yes or no: they cannot be compared so"),
    "last_seen == 2d": (1, 14, "times, lengths of time and scores are hardly ever equal: use < or >"),
    "last_seen < 2": (1, 13, "last_seen is a time, 2 a number: compare it with how long ago it is, such as < 2d"),
    "last_seen < 2x": (
        1,
        13,
        "x is no unit: lengths of time are in s, min, h, d, w, y, amounts in a currency, such as EUR",
    ),
    "engaged > 3": (1, 11, "engaged is a length of time, 3 a number: write a length such as 10min or 2d"),
    "revenue > 50": (1, 11, "revenue is an amount of money, 50 a number: write an amount such as 50 EUR"),
    "revenue > 50 USD": (1, 11, "amounts are in the site's main currency: write 50 EUR"),
    "revenue > 1.005 EUR": (1, 11, "1.005 EUR has more than 2 decimals, more than EUR has"),
    "interests > 3": (1, 1, 'interests has many entries: ask for one, such as interests["name"]'),
    "visits['x'] > 3": (1, 1, "visits is one number: it has no entries"),
    "interests[visits] > 3": (1, 11, 'the entry is named by a text in quotation marks, such as interests["name"]'),
    "interests['a'] + 1 > 3": (1, 1, "a score + a number is nothing"),
    "visits / 0 > 1": (1, 10, "this divides by zero"),
    "visits ** 2 > 1": (1, 1, "only + - * / compute"),
    "visits > 1e400": (1, 10, "the number is beyond 1,000,000,000,000,000"),
    "count('purchase') > 1": (1, 1, 'it counts an event within a length of time: count("purchase", 90d)'),
    "count('purchase', visits) > 1": (1, 19, 'within which length of time? count("purchase", 90d)'),
    "count('purchace', 3d) > 1": (
        1,
        7,
        "when a person did 'purchace' is not kept, only of purchase: did you mean purchase?",
    ),
    "count > 1": (1, 1, 'count is a function: count("purchase", 90d)'),
    "cont('purchase', 3d) > 1": (1, 1, "there is no function cont: did you mean count?"),
    "country in ()": (1, 12, "nothing is in an empty list"),
    "country in ('IT', 3)": (1, 19, "a list is of texts only, or of numbers only"),
    "visits in ('IT',)": (1, 11, "visits is a number, and this a list of texts"),
    "'x' in visits": (1, 8, '"in" looks for a text in a list or a text, such as "vip" in tags: not in visits'),
    "__import__('os').system('x')": (1, 1, "only functions of rules are called, by their name"),
    "().__class__ == 3": (
        1,
        1,
        "().__class__ has no meaning in a rule: compare fields, and join with and, or, not",
    ),
    "(lambda: 1)() > 0": (1, 1, "only functions of rules are called, by their name"),
    "visits if visits > 1 else 3": (
        1,
        1,
        "visits if visits > 1 else 3 has no meaning in a rule: compare fields, and join with and, or, not",
    ),
    "(" * 200 + "visits > 1" + ")" * 200: (1, MOST_NESTED + 1, f"nested more than {MOST_NESTED} deep"),
    "not " * 200 + "is_customer": (1, 4 * MOST_NESTED + 1, f"nested more than {MOST_NESTED} deep"),
    "visits > 1 or " * 200: (1, 1, f"the rule has 2,800 characters: {MOST_CHARACTERS:,} at most"),
}


@pytest.mark.parametrize("rule", REFUSED, ids=lambda rule: rule[:40])
def test_what_is_refused_where_and_why(rule: str) -> None:
    with pytest.raises(BadRule) as found:
        compiled(rule, currency="EUR")
    assert (found.value.line, found.value.column, found.value.why) == REFUSED[rule]


SEGMENTS = {
    "buyers": "orders > 0",
    "lost": "in_segment('buyers') and last_order > 60d",
    "one": "in_segment('two')",
    "two": "not in_segment('three') or visits > 3",
    "three": "in_segment('one')",
    "bad": "visits >",
    "large": " or ".join(["in_segment('longer')"] * 60),
    "longer": " or ".join(["in_segment('long')"] * 60),
    "long": " or ".join(["visits > 3"] * 100),
    **{f"deep-{n}": f"in_segment('deep-{n + 1}')" for n in range(12)},
    "deep-12": "visits > 3",
}


def test_a_segment_may_name_another() -> None:
    rule = compiled("in_segment('lost') and visits > 3", segments=SEGMENTS)
    person = Person(id="@x", visits=4, orders=1, last_order=NOW - 50 * DAY_MS)
    assert not rule.matches(person, NOW, FADING)
    assert (moment := rule.moment(person, NOW, FADING)) == NOW + 10 * DAY_MS + 1
    assert rule.matches(person, moment, FADING)


REFERRING = {
    "in_segment('bayers')": "there is no segment 'bayers': did you mean buyers?",
    "in_segment(buyers)": 'it has a name in quotation marks: in_segment("name")',
    "visits > 1 and in_segment('bad')": "the segment 'bad' cannot be used: line 1, column 9: this is no rule",
    "in_segment('large')": "is too large with all that it refers to",
    "in_segment('deep-0')": "segments refer to each other more than 10 deep",
}


@pytest.mark.parametrize("rule", REFERRING)
def test_what_may_not_be_named(rule: str) -> None:
    with pytest.raises(BadRule) as found:
        compiled(rule, segments=SEGMENTS)
    assert REFERRING[rule] in found.value.why


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_no_segment_is_in_itself(name: str) -> None:
    with pytest.raises(BadRule, match="refers to itself, through"):
        compiled(SEGMENTS[name], segments=SEGMENTS, name=name)


def test_a_site_without_a_currency_has_no_amounts() -> None:
    for rule in ("revenue > 0", "visits > 3 EUR"):
        with pytest.raises(BadRule, match="set currency"):
            compiled(rule)


def test_numbers_beyond_all_bounds_do_not_hold() -> None:
    """The fields multiplied by each other grow beyond what can be computed with."""
    huge = Person(id="x", visits=10**15)
    assert not matches("*".join(["visits"] * 35) + " * 0.5 > 1", huge)


ALPHABET = st.sampled_from(
    ["visits", "last_seen", "interests['a']", "country", "(", ")", "[", "]", " ", "\n", ">", "<", "==", "and ", "or ",
     "not ", "2d", "3", "0.5", "'x'", '"', "in ", "revenue", "1 EUR", "+", "-", "*", "/", ",", "count(", "share(", "#",
     "tags", "traits['x']", "is_customer", "é", "\\", "lambda", ".", ":", "%", "1e9", "\x00", "if", "else", "{", "}"]
)  # fmt: skip


def refused(text: str) -> BadRule | None:
    try:
        compiled(text, currency="EUR")
    except BadRule as error:
        return error
    return None


@settings(max_examples=400, deadline=None)
@given(st.lists(ALPHABET, max_size=14).map("".join))
def test_any_text_is_a_rule_that_ends_or_refused(text: str) -> None:
    if error := refused(text):
        assert error.column >= 1
        assert 1 <= error.line <= text.count("\n") + 1
        return
    rule = compiled(text, currency="EUR")
    for person in (ANNA, NOBODY):
        assert rule.matches(person, NOW, FADING) in (True, False)
        assert rule.moment(person, NOW, FADING) > NOW
        assert all(isinstance(one.holds, bool) for one in explained(rule, person, NOW, FADING, currency="EUR"))


# ---- as time passes ------------------------------------------------------------------------------

ATOMS = st.one_of(
    st.builds("{} {} {}d".format, st.sampled_from(["first_seen", "last_seen", "last_order"]),
              st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 40)),
    st.builds("interests['{}'] {} {}".format, st.sampled_from("ab"), st.sampled_from(["<", "<=", ">", ">="]),
              st.sampled_from([0, 0.25, 1, 2.5, 4])),
    st.builds("interests['a'] - interests['b'] {} {}".format, st.sampled_from(["<", ">="]), st.sampled_from([-1, 0.5])),
    st.builds("count('purchase', {}d) {} {}".format, st.integers(1, 40), st.sampled_from(["<", "==", ">="]),
              st.integers(0, 3)),
)  # fmt: skip
RULES = st.lists(ATOMS, min_size=1, max_size=3).flatmap(
    lambda atoms: st.sampled_from([" and ", " or ", " and not "]).map(lambda word: word.join(atoms))
)
AGES = st.integers(-DAY_MS, 40 * DAY_MS)


@settings(max_examples=300, deadline=None)
@given(RULES, st.data())
def test_until_the_moment_nothing_changes_and_no_change_is_missed(text: str, data: Any) -> None:
    """Walks from moment to moment: between two of them the rule stays as it is, also at the very ms before."""
    times = sorted((NOW - data.draw(AGES) for _ in range(data.draw(st.integers(0, 4)))), reverse=True)
    person = Person(
        id="x",
        first_seen=NOW - data.draw(AGES),
        last_seen=data.draw(st.sampled_from([math.nan, NOW - 5 * DAY_MS])),
        last_order=times[0] if times else math.nan,
        order_times=times,
        scores={"a": data.draw(st.floats(0, 20)), "b": data.draw(st.floats(0, 5))},
    )
    rule = compiled(text)
    now, steps = NOW, 0
    while (moment := rule.moment(person, now, FADING)) < NEVER:
        assert moment > now
        holds = rule.matches(person, now, FADING)
        between = {now, moment - 1, *(data.draw(st.integers(now, moment - 1)) for _ in range(2))}
        if moment - now > 1:  # near a crossing a score may be on either side of its limit for a ms
            assert {rule.matches(person, at, FADING) for at in between} == {holds}
        now, steps = moment, steps + 1
        assert steps < 60
    far = now + 400 * DAY_MS
    assert rule.matches(person, far, FADING) is rule.matches(person, now, FADING)


def test_silence_moves_somebody_at_that_very_moment() -> None:
    rule = compiled("last_seen < 2d")
    assert (moment := rule.moment(ANNA, NOW, FADING)) == ANNA.last_seen + 2 * DAY_MS
    assert [rule.matches(ANNA, int(at), FADING) for at in (moment - 1, moment)] == [True, False]
    assert rule.moment(ANNA, int(moment), FADING) == NEVER
    rule = compiled("interests['lamps'] >= 4")
    assert (moment := rule.moment(ANNA, NOW, FADING)) == NOW + 4 * DAY_MS, "3 of the first 7 days are over"
    assert [rule.matches(ANNA, at, FADING) for at in (moment, moment + 1)] == [True, False]
    assert compiled("visits > 3").moment(ANNA, NOW, FADING) == NEVER


# ---- why -----------------------------------------------------------------------------------------


def test_each_comparison_says_what_it_found() -> None:
    rule = compiled(
        "orders == 0 and interests['lamps'] > 3\n and (last_seen < 2d or 1 < visits < 5) and revenue > 99 EUR\n"
        "and last_order - first_order > 1h and not traits['none'] == 'x' and 'vip' in tags and not is_customer"
        " and 600s > engaged and cart_changed < 1h",
        currency="EUR",
    )
    assert [tuple(one) for one in explained(rule, ANNA, NOW, FADING, currency="EUR")] == [
        ("orders == 0", False, "3"),
        ("interests['lamps'] > 3", True, "5.944"),
        ("last_seen < 2d", True, "1 d ago"),
        ("1 < visits", True, "1"),
        ("visits < 5", False, "12"),
        ("revenue > 99 EUR", True, "123.45 EUR"),
        ("last_order - first_order > 1h", True, "88 d"),
        ("traits['none'] == 'x'", False, "not known"),
        ("'vip' in tags", True, "vip"),
        ("is_customer", True, "yes"),
        ("600s > engaged", False, "10 min"),
        ("cart_changed < 1h", False, "not known"),
    ]
