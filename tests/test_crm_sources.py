"""A source is the name of the referring site, and no site can take a name that is not its own."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.visits.referrers import known
from crm.visits.sources import CLASSES, class_of, source_of

REFERRERS = {
    "a search engine": ("www.google.com/", "google", "search"),
    "of a country": ("www.google.co.uk/", "google", "search"),
    "of a country, before its name": ("uk.search.yahoo.com/", "yahoo", "search"),
    "of a country, below com": ("www.google.com.br/", "google", "search"),
    "of a country that has only endings of two parts": ("google.com.bd/", "google", "search"),
    "that name below what anybody may have": ("google.me.uk/", "google.me.uk", "referral"),
    "the same of companies": ("google.ltd.uk/", "google.ltd.uk", "referral"),
    "that name in no country": ("google.zz/", "google.zz", "referral"),
    "below com in no country": ("google.com.zz/", "google.com.zz", "referral"),
    "its place in the list": ("google.{}/", "google.{}", "referral"),
    "its place in the list, before its name": ("{}.bing.com/", "{}.bing.com", "referral"),
    "its images": ("images.google.de/", "google", "search"),
    "for phones": ("m.bing.com/", "bing", "search"),
    "any host of one that only searches": ("html.duckduckgo.com/", "duckduckgo", "search"),
    "with a dot at its end": ("google.com./", "google", "search"),
    "a page of somebody": ("google.github.io/", "google.github.io", "referral"),
    "a name in front of another": ("www.google.evil.example/", "google.evil.example", "referral"),
    "a country in front of another": ("google.de.evil.example/", "google.de.evil.example", "referral"),
    "a name within a name": ("mygoogle.com/", "mygoogle.com", "referral"),
    "a blog of that name": ("facebook.blogspot.com/", "facebook.blogspot.com", "referral"),
    "mail": ("mail.google.com/mail/u/0", "mail.google.com", "referral"),
    "documents": ("docs.google.com/document/d/1", "docs.google.com", "referral"),
    "a partner with pages of its own": ("www.cnn.com/", "cnn.com", "referral"),
    "a partner's search": ("suche.gmx.net/", "suche.gmx.net", "search"),
    "a misspelt name that somebody bought": ("gogole.com/", "gogole.com", "referral"),
    "a social network": ("www.facebook.com/", "facebook", "social"),
    "its way out": ("l.facebook.com/l.php", "facebook", "social"),
    "one by country": ("de.linkedin.com/", "linkedin", "social"),
    "its short name": ("lnkd.in/x", "linkedin", "social"),
    "by its new name": ("twitter.com/a", "x", "social"),
    "a short name": ("t.co/abc", "x", "social"),
    "not a short name": ("chat.co/abc", "chat.co", "referral"),
    "an assistant": ("chatgpt.com/", "chatgpt", "ai_assistant"),
    "an assistant of a search engine": ("gemini.google.com/", "gemini", "ai_assistant"),
    "an assistant with www": ("www.perplexity.ai/search", "perplexity", "ai_assistant"),
    "an assistant on a network": ("x.com/i/grok/7", "grok", "ai_assistant"),
    "another page of that network": ("x.com/i/grokking", "x", "social"),
    "an app": ("android-app://com.linkedin.android", "linkedin", "social"),
    "an app for search": ("android-app://com.google.android.googlequicksearchbox", "google", "search"),
    "an app for mail": ("android-app://com.google.android.gm", "com.google.android.gm", "referral"),
    "an address": ("192.0.2.7:8080/x", "192.0.2.7", "referral"),
    "an ending alone": ("co.uk/", "co.uk", "referral"),
    "none": ("", "direct", "direct"),
}


@pytest.mark.parametrize(("referrer", "source", "kind"), REFERRERS.values(), ids=REFERRERS)
def test_a_referrer_has_the_name_and_class_of_its_site(referrer: str, source: str, kind: str) -> None:
    assert source_of({}, referrer) == (source, "")
    assert class_of(source) == kind


NAMES = "google bing duckduckgo ecosia yandex baidu qwant startpage facebook instagram linkedin pinterest reddit"
NAMES += " tiktok x youtube whatsapp yahoo chatgpt claude perplexity gemini copilot"


@pytest.mark.parametrize("name", NAMES.split())
def test_names_that_are_in_use_stay(name: str) -> None:
    assert class_of(name) in ("search", "social", "ai_assistant")


def test_what_a_site_calls_itself_has_a_class_too() -> None:
    assert source_of({"utm_source": "ChatGPT.com"}, "") == ("chatgpt.com", "")
    assert (class_of("chatgpt.com"), class_of("newsletter"), class_of("")) == ("ai_assistant", "other", "other")


def test_every_host_of_the_list_is_found() -> None:
    """But for partners of the big engines, which go by their own host."""
    with (files("wakeline") / "data" / "sources.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 900
    found = [known(*_parts(row["host"].replace("{}", "de"))) for row in rows]
    assert found.count(None) < 45


def _parts(place: str) -> tuple[str, str]:
    host, slash, path = place.partition("/")
    return host, slash + path


@given(st.text(max_size=80) | st.text("gole.com:/[]-w", max_size=60), st.text(max_size=20))
def test_any_referrer_has_a_source(referrer: str, utm: str) -> None:
    source, campaign = source_of({"utm_campaign": utm}, referrer)
    assert len(source.encode()) <= 400
    assert class_of(source) in CLASSES
    assert campaign == utm.strip()


def test_a_host_that_is_too_long_is_nobodys() -> None:
    """It would take square time, and no host has such a name."""
    assert known("a." * 8_000 + "google.com") is None
