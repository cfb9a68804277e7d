"""Tokens of links: what they say, who may read them, where they may lead. docs/links.md has the same vectors."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from benchmarks.children import ROOT
from wakeline.mailing import BadLink, Links
from wakeline.mailing.targets import Targets, with_campaign
from wakeline.mailing.token import MAX_TOKEN, Kind, LinkKeys, Token, customer_hash, key_id, read, sent_hash

DOCS = (ROOT / "docs" / "links.md").read_text()
SECRET = "secret of the shop"
NOW = 1_790_000_000_000
SHOP = "https://shop.example"
KEYS = LinkKeys("shop", (SECRET,))


def links(**more: Any) -> Links:
    return Links("https://stats.shop.example", "shop", **{"secret": SECRET, "origins": (SHOP,), **more})


def token(**more: Any) -> Token:
    said: dict[str, Any] = {"key": KEYS.first, "site": "shop", "kind": Kind.CLICK, "campaign": "winter"}
    return Token(**(said | more))


def test_what_is_signed_is_read() -> None:
    said = token(sent="a" * 32, customer="b" * 32, element={"subject": "Für dich 🕯"}, target=SHOP + "/", expires=1)
    text = KEYS.signed(said)
    assert read(text) == said
    assert KEYS.verifies(said, text)
    assert (said.home, said.whom) == ("#sent:" + "a" * 32, "@" + "b" * 32)


@pytest.mark.parametrize("place", [0, 5, -1, -22])
def test_what_was_changed_is_no_link(place: int) -> None:
    text = KEYS.signed(token(target=SHOP + "/"))
    other = text[:place] + ("A" if text[place] != "A" else "B") + (text[place + 1 :] if place != -1 else "")
    found = read(other)
    assert found is None or not KEYS.verifies(found, other)


def test_keys_are_rotated_by_putting_a_new_one_first() -> None:
    old = LinkKeys("shop", (SECRET,))
    text = old.signed(token())
    both = LinkKeys("shop", ("a new secret of links", SECRET))
    said = read(text)
    assert said is not None
    assert both.first == key_id("a new secret of links") != old.first
    assert both.verifies(said, text)
    assert not LinkKeys("shop", ("a new secret of links",)).verifies(said, text)


def unsigned(payload: bytes) -> str:
    return urlsafe_b64encode(payload).decode().rstrip("=") + "." + "A" * 22


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "a.b", "é" * 30, "A" * 10_000, "A" * 4_073 + "." + "A" * 22, "AAAA." + "A" * 22, "====." + "A" * 22,
        "eyJ9." + "A" * 22 + "\n", urlsafe_b64encode(b"[" * 3_000).decode() + "." + "A" * 22,
        unsigned(b'{"k":"00000000","s":"shop","t":"x","c":"w"}'),
        unsigned(b'{"k":"00000000","s":"shop","t":"c","c":"w","admin":1}'),
        unsigned(b'\xff\xfe{"k"'), unsigned(b'{"k":"00000000","s":"shop","t":"c","c":"\\ud800"}'),
    ],
)  # fmt: skip
def test_what_is_no_token_is_none(text: str) -> None:
    assert read(text) is None


ALLOWED = Targets((SHOP, "http://localhost:8710"), ("help.example",))


@pytest.mark.parametrize(
    "target",
    [
        SHOP, SHOP + "/", SHOP + "/a?b=c&d=%20#e", "https://help.example/x", "http://help.example:80/x",
        "http://localhost:8710/", "HTTPS://SHOP.EXAMPLE/".replace("HTTPS", "https"),
    ],
)  # fmt: skip
def test_a_link_leads_to_the_site_and_to_its_hosts(target: str) -> None:
    assert ALLOWED.fault(target) == ""


@pytest.mark.parametrize(
    "target",
    [
        "", "/", "//evil.example", "///evil.example", "https:evil.example", "https:/evil.example",
        "javascript:alert(1)", "JaVaScRiPt:alert(1)",
        "data:text/html,x", "ftp://shop.example/", "https://evil.example", "http://shop.example/",
        "https://shop.example:444/", "https://shop.example.evil.example/", "https://evilshop.example/",
        "https://sub.help.example/", "https://help.example:8443/", "https://shop.example@evil.example/",
        "https://user:word@shop.example/", "https://shop.example\\@evil.example/", "https:\\\\evil.example/",
        "https://shop.example\\.evil.example/", "https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example/ x",
        "https://shop.example/\x00", "https://shop.example/é", "https://ѕhop.example/", "\thttps://shop.example/",
        "https://shop.example/\x7f", "https://[::1]/", "https://shop.example:99999/", "https://shop.example:/x\ny",
        "https://[shop.example/", "https:///shop.example/", "https://?shop.example", SHOP + "/" + "a" * 2_000,
    ],
)  # fmt: skip
def test_a_link_leads_nowhere_else(target: str) -> None:
    assert ALLOWED.fault(target)


def test_letters_beyond_ascii_are_written_as_browsers_write_them() -> None:
    (url,) = links().mail(campaign="w", links=[{"url": f"{SHOP}/größe?q=é#ü"}], now=NOW).links
    said = read(url.rpartition("/")[2])
    assert said is not None
    assert said.target == f"{SHOP}/gr%C3%B6%C3%9Fe?q=%C3%A9#%C3%BC"


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (SHOP, f"{SHOP}?utm_source=newsletter&utm_medium=email&utm_campaign=winter&utm_content=top"),
        (f"{SHOP}/#a?b", f"{SHOP}/?utm_source=newsletter&utm_medium=email&utm_campaign=winter&utm_content=top#a?b"),
        (f"{SHOP}/?UTM_Source=x&a", f"{SHOP}/?UTM_Source=x&a&utm_medium=email&utm_campaign=winter&utm_content=top"),
        (f"{SHOP}/?utm_campaign=", f"{SHOP}/?utm_campaign=&utm_source=newsletter&utm_medium=email&utm_content=top"),
    ],
)
def test_the_campaign_is_added_where_the_target_names_none(target: str, wanted: str) -> None:
    assert with_campaign(target, token(element={"link": "top"})) == wanted


def test_values_cannot_leave_their_parameter() -> None:
    found = with_campaign(SHOP + "/", token(campaign="a&b=c#d\r\ne é", content="x" * 128))
    assert "a%26b%3Dc%23d%0D%0Ae+%C3%A9" in found
    assert ALLOWED.fault(found) == ""


def test_a_mail_has_a_pixel_and_the_headers_of_rfc_8058() -> None:
    mail = links().mail(campaign="winter", sent_id="m-1", customer=7, now=NOW)
    assert mail.links == []
    assert mail.headers == {
        "List-Unsubscribe": f"<{mail.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    said = read(mail.unsubscribe.rpartition("/")[2])
    assert said is not None
    assert (said.kind, said.channel, said.expires) == (Kind.UNSUBSCRIBE, "email", 0)
    assert links().mail(campaign="w", sent_id="m-1", now=NOW).unsubscribe == ""
    assert links().mail(campaign="w", now=NOW).pixel == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"campaign": ""}, "campaign"),
        ({"campaign": "  "}, "campaign: is empty"),
        ({"campaign": "undefined"}, "campaign: is empty, or says"),
        ({"campaign": "w", "topic": "{{topic}}"}, "topic: is empty, or says"),
        ({"campaign": "w" * 10_000}, "campaign"),
        ({"campaign": "w", "sent_id": "undefined"}, "sent_id: is empty, or says"),
        ({"campaign": "w", "customer": "null"}, "customer: is empty, or says"),
        ({"campaign": "w", "links": [{"url": "https://evil.example"}]}, r"links\[0\].url: leads to https://evil"),
        ({"campaign": "w", "links": [{"url": SHOP}, {"url": "javascript:x"}]}, r"links\[1\].url: is no http"),
        ({"campaign": "w", "links": [{"url": SHOP, "content": "x" * 10_000}]}, "content"),
        ({"campaign": "w", "sent_at": "2026-01-01T00:00"}, "sent_at: has no time zone"),
        ({"campaign": "w", "sent_at": -1}, "sent_at"),
        ({"campaign": "w", "days": 0}, "days"),
        ({"campaign": "w", "colour": "red"}, "colour"),
        ({"campaign": "w", "sent_id": "m", "element": dict.fromkeys(("subject", "link"), "é" * 1_000)}, "more"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_field(said: dict[str, Any], words: str) -> None:
    with pytest.raises(BadLink, match=words):
        links().mail(now=NOW, **said)


def test_a_site_without_a_secret_has_no_links() -> None:
    with pytest.raises(ValueError, match="secret"):
        links(secret="")


# ---- the docs, for mailers in other languages


def test_the_test_vectors_of_the_docs_are_right() -> None:
    said = dict(re.findall(r"^\| `?([a-z ]+?)`? \| `([^`]+)` \|$", DOCS.partition("## Test vectors")[2], re.MULTILINE))
    secret = said["secret"]
    assert key_id(secret) == said["key id"]
    assert sent_hash(secret, said["sent id"]) == said["hash of it"]
    assert customer_hash(secret, said["customer"]) == said["hash of the customer"]
    payload = urlsafe_b64encode(said["payload"].encode()).rstrip(b"=").decode()
    text = said["token"]
    assert text.startswith(payload + ".")
    found = read(text)
    assert found is not None
    assert LinkKeys(found.site, (secret,)).verifies(found, text)
    assert len(text) < MAX_TOKEN


def test_the_docs_name_every_field() -> None:
    names = set(Token.__struct_encode_fields__)
    table = DOCS.partition("## The format")[2].partition("\n## ")[0]
    assert {name for name in names if f"| `{name}` |" not in table} == set()
