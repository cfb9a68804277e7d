"""Bots by user agent: every crawler of a list is recognised, and no browser is.

agents/people.txt has user agents seen by web sites, agents/apps.txt those of apps and devices that are rare there.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from collector.agents import MAX_LENGTH, agent_of, bot_of
from collector.people import without_words_of_people
from tests.collector_stand import CHROME

AGENTS = Path(__file__).parent / "agents"


def lines(name: str) -> list[str]:
    return [line for line in (AGENTS / name).read_text().splitlines() if line and not line.startswith("#")]


PEOPLE = lines("people.txt")
APPS = [(name, agent) for name, _, agent in (line.partition(" | ") for line in lines("apps.txt"))]
PEOPLES_AFTER_ALL = ("AP3A\\.240617\\.008", "MetaIAB Facebook", "Fluid")
"""Patterns whose every known instance is a browser that a person looks at a page with: a telephone of Android 15 in
Instagram's app, one in Facebook's, and a site that somebody made a program of."""


def test_people_are_no_bots() -> None:
    assert len(PEOPLE) > 900
    assert {agent: bot for agent in PEOPLE if (bot := bot_of(agent))} == {}


@pytest.mark.parametrize(("name", "agent"), APPS, ids=[name for name, _ in APPS])
def test_a_person_in_an_app_is_no_bot(name: str, agent: str) -> None:
    assert len(agent) <= MAX_LENGTH
    assert agent_of(agent).bot == ""


def test_the_bots_of_the_list_are_bots() -> None:
    """But for a few that are named."""
    missed = {
        entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA for agent in entry["instances"] if not bot_of(agent)
    }
    assert missed <= set(PEOPLES_AFTER_ALL)


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        pytest.param(
            "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP3A.240617.008) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/138.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot",
            id="a crawler that names a build",
        ),
        pytest.param("facebookexternalhit/1.1", "facebookexternalhit", id="Facebook's preview"),
        pytest.param(
            "Mozilla/5.0 (compatible; RankSonicSiteAuditor/1.0; +https://ranksonic.com/)", "Sonic", id="Sonic"
        ),
    ],
)
def test_a_crawler_that_looks_like_a_person_is_one_all_the_same(agent: str, bot: str) -> None:
    assert bot_of(agent) == bot


def test_what_is_a_persons_is_not_shown_to_any_list() -> None:
    """No version of it can name a build, or what apps say of themselves."""
    told = "\n".join(without_words_of_people(agent) for _, agent in APPS)
    for word in ("Build/", "AP3A", "MetaIAB", "FBAN", "FB_IAB", "Instagram", "Barcelona", "IABMV"):
        assert word not in told


def test_a_bot_that_was_not_seen_before_costs_little_more_than_a_person() -> None:
    """Anybody can make up as many as the rate limit lets through."""

    def seconds(agent: str) -> float:
        bot_of(agent)
        began = time.process_time()
        for number in range(50):
            bot_of(f"{agent} {number}")
        return time.process_time() - began

    last = CRAWLER_USER_AGENTS_DATA[-1]["instances"][0]
    assert seconds(last) < 30 * seconds(CHROME)
