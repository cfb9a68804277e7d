"""A source is the name of the referring site, and no site can take a name that is not its own."""

from __future__ import annotations

import csv
from importlib.resources import files
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.visits.passing import passing
from crm.visits.referrers import known
from crm.visits.sources import class_of, origin_of
from wakeline.vocabulary.sources import CLASSES, CLICK_IDS

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
    "mail": ("mail.google.com/mail/u/0", "mail.google.com", "email"),
    "another webmail": ("webmail.host.example/", "webmail.host.example", "email"),
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
    "an app for mail": ("android-app://com.google.android.gm", "com.google.android.gm", "email"),
    "a page of the site": ("internal", "internal", "internal"),
    "an address": ("192.0.2.7:8080/x", "192.0.2.7", "referral"),
    "an ending alone": ("co.uk/", "co.uk", "referral"),
    "none": ("", "direct", "direct"),
}


@pytest.mark.parametrize(("referrer", "source", "kind"), REFERRERS.values(), ids=REFERRERS)
def test_a_referrer_has_the_name_and_class_of_its_site(referrer: str, source: str, kind: str) -> None:
    assert origin_of({}, referrer, "") == (source, "", kind, "", "", "")
    assert class_of(source) == kind


NAMES = "google bing duckduckgo ecosia yandex baidu qwant startpage facebook instagram linkedin pinterest reddit"
NAMES += " tiktok x youtube whatsapp yahoo chatgpt claude perplexity gemini copilot"


@pytest.mark.parametrize("name", NAMES.split())
def test_names_that_are_in_use_stay(name: str) -> None:
    assert class_of(name) in ("search", "social", "ai_assistant")


def test_what_a_site_calls_itself_has_a_class_too() -> None:
    assert origin_of({"utm_source": "ChatGPT.com"}, "", "")[:3] == ("chatgpt.com", "", "ai_assistant")
    assert (class_of("newsletter"), class_of("partner"), class_of("")) == ("email", "other", "other")


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
    source, campaign, source_class, *_ = origin_of({"utm_campaign": utm}, referrer, "")
    assert len(source.encode()) <= 400
    assert {class_of(source), source_class} <= CLASSES.keys()
    assert campaign == utm.strip()


def test_a_host_that_is_too_long_is_nobodys() -> None:
    """It would take square time, and no host has such a name."""
    assert known("a." * 8_000 + "google.com") is None


TAGGED: dict[str, tuple[str, str, str, str, str]] = {
    # query, referrer, click id -> source, class
    "a mail by its medium": ("utm_source=may&utm_medium=email", "", "", "may", "email"),
    "a mail by its source": ("utm_source=Newsletter", "", "", "newsletter", "email"),
    "a mail read on the web": ("utm_source=may&utm_medium=E-Mail", "www.google.com/", "", "may", "email"),
    "an advertisement by its medium": ("utm_source=google&utm_medium=cpc", "www.google.com/", "", "google", "paid"),
    "by thousands of views": ("utm_source=site.example&utm_medium=cpm", "", "", "site.example", "paid"),
    "a banner": ("utm_source=site.example&utm_medium=Banner", "", "", "site.example", "paid"),
    "an affiliate": ("utm_source=blog&utm_medium=affiliate", "blog.example/", "", "blog", "paid"),
    "paid social": ("utm_source=facebook&utm_medium=paid_social", "", "", "facebook", "paid"),
    "a network by its medium": ("utm_source=mastodon.example&utm_medium=social", "", "", "mastodon.example", "social"),
    "found without an advertisement": ("utm_source=new-engine&utm_medium=organic", "", "", "new-engine", "search"),
    "a click id that was paid for": ("", "www.google.com/", "gclid", "google", "paid"),
    "and nothing else": ("", "", "msclkid", "bing", "paid"),
    "behind a page of the site": ("", "internal", "gclid", "google", "paid"),
    "on a partner's site": ("", "news.example/", "gclid", "news.example", "paid"),
    "a click id that says nothing of money": ("", "l.facebook.com/", "fbclid", "facebook", "social"),
    "the same without a referrer": ("", "", "fbclid", "facebook", "social"),
    "with the site's own words": ("utm_source=spring&utm_medium=flyer", "", "fbclid", "spring", "other"),
    "a mailer's click id": ("", "", "mc_eid", "mailchimp", "email"),
    "where people pay": ("", "checkout.stripe.com/c/pay", "", "internal", "internal"),
    "where people pay, with a campaign": ("utm_source=may", "paypal.com/", "", "may", "other"),
    "only a campaign": ("utm_campaign=may", "www.google.de/", "", "google", "search"),
}


@pytest.mark.parametrize(("query", "referrer", "click", "source", "kind"), TAGGED.values(), ids=TAGGED)
def test_a_visit_has_the_class_of_what_led_to_it(query: str, referrer: str, click: str, source: str, kind: str) -> None:
    found = origin_of(dict(parse_qsl(query)), referrer, click, is_passing=passing(()))
    assert (found.source, found.source_class) == (source, kind)


def test_the_parts_of_a_campaign_are_kept() -> None:
    query = {"utm_campaign": " May ", "utm_content": "top link", "utm_term": "red shoes", "utm_id": "7"}
    assert origin_of(query, "", "") == ("direct", "May", "direct", "top link", "red shoes", "7")


def test_every_click_id_is_of_a_known_class() -> None:
    assert {click.source_class for click in CLICK_IDS.values()} <= {*CLASSES, ""}
    assert all(name == name.lower() for name in CLICK_IDS)
    for name in CLICK_IDS:
        assert origin_of({}, "", name).source_class != "direct"


PASSED = {
    "a host of the list": ("paypal.com/", True),
    "below it": ("www.sandbox.paypal.com/checkout", True),
    "with a port": ("paypal.com:8443/x", True),
    "a look-alike": ("notpaypal.com/", False),
    "that name in front": ("paypal.com.evil.example/", False),
    "only a part of a host": ("www.facebook.com/dialog/oauth", True),
    "another part of it": ("www.facebook.com/groups", False),
    "the site's own": ("pay.shop.example/", True),
    "what the site takes from the list": ("checkout.stripe.com/pay", False),
    "an app": ("android-app://com.paypal.android.p2pmobile", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("referrer", "passes"), PASSED.values(), ids=PASSED)
def test_hosts_through_which_people_only_pass(referrer: str, passes: bool) -> None:
    assert passing(("pay.shop.example", "-checkout.stripe.com"))(referrer) is passes
