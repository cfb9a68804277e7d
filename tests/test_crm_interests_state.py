"""Interests add up the same whenever they were stored and loaded, and what is taken back leaves nothing."""

from __future__ import annotations

import random

import pytest

from crm.interests.state import Interests
from wakeline.decay import DIGITS, rounded, text_of


def stored(interests: Interests) -> dict[str, float]:
    """As they are after they were written and loaded."""
    return {name: rounded(float(text_of(score))) for name, score in interests.scores.items()}


def test_a_score_has_few_digits_and_is_what_it_was_when_it_comes_back() -> None:
    chance = random.Random(1)
    kept, again = Interests({}), Interests({})
    for number in range(300):
        name, amount = chance.choice("abc"), chance.random() * 2 ** chance.randrange(40)
        for one in (kept, again):
            one.add(name, amount) if number % 2 else one.add_all({name: amount})
        again = Interests(stored(again))
        assert again.scores == kept.scores
    assert max(len(text_of(score).replace(".", "").strip("0")) for score in kept.scores.values()) <= DIGITS


def test_what_is_taken_back_leaves_nothing_in_whatever_order() -> None:
    chance = random.Random(2)
    for _ in range(2_000):
        amounts = [60.0 * chance.random(), 1.0 + chance.random(), chance.choice((0.03, 0.000_1)) * chance.random()]
        scale = 2.0 ** chance.randrange(60)
        interests = Interests({})
        for amount in amounts:
            interests.add("hats", amount * scale)
        chance.shuffle(amounts)
        for amount in amounts:
            interests.take("hats", amount * scale)
        assert interests.scores == {}, amounts
        assert interests.gone == {"hats"}


def test_what_others_added_stays() -> None:
    interests = Interests({"hats": 2.5, "shoes": 0.01})
    interests.add("hats", 60.0)
    interests.take("hats", 60.0)
    interests.add("shoes", 60.0)
    interests.take("shoes", 60.0)
    assert interests.scores == pytest.approx({"hats": 2.5, "shoes": 0.01}, rel=1e-7)
