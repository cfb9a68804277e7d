"""Where a visit can come from: classes of sources, and the click ids by which networks and mailers know a click."""

from __future__ import annotations

from typing import NamedTuple

DIRECT = "direct"
SEARCH, SOCIAL, AI_ASSISTANT = "search", "social", "ai_assistant"
EMAIL = "email"
PAID = "paid"
REFERRAL = "referral"
INTERNAL = "internal"
OTHER = "other"

CLASSES = {
    DIRECT: "no source is known",
    SEARCH: "a search engine of the list",
    SOCIAL: "a social network of the list",
    AI_ASSISTANT: "an AI assistant of the list",
    EMAIL: "a mail: by its `utm` parameters, its mailer's click id, or from a webmail site",
    PAID: "an advertisement: by its `utm_medium`, or its network's click id",
    REFERRAL: "any other site or app",
    INTERNAL: "a page of the site itself, or one where people pay, log in or confirm",
    OTHER: "another `utm_source`",
}
"""The classes, with what a visit of each came from."""


class Click(NamedTuple):
    """What a click id says of a visit."""

    source: str  # name of the network or mailer
    source_class: str  # "": the network adds it to links that nobody paid for, too


CLICK_IDS = {
    "gclid": Click("google", PAID),
    "gbraid": Click("google", PAID),
    "wbraid": Click("google", PAID),
    "dclid": Click("google", PAID),
    "gclsrc": Click("google", PAID),
    "msclkid": Click("bing", PAID),
    "yclid": Click("yandex", PAID),
    "ttclid": Click("tiktok", PAID),
    "twclid": Click("x", PAID),
    "rdt_cid": Click("reddit", PAID),
    "sccid": Click("snapchat", PAID),
    "li_fat_id": Click("linkedin", PAID),
    "obclid": Click("outbrain", PAID),
    "tblci": Click("taboola", PAID),
    "awc": Click("awin", PAID),
    "cjevent": Click("cj", PAID),
    "irclickid": Click("impact", PAID),
    "fbclid": Click("facebook", ""),
    "igshid": Click("instagram", ""),
    "epik": Click("pinterest", ""),
    "mc_eid": Click("mailchimp", EMAIL),
    "mkt_tok": Click("marketo", EMAIL),
    "_hsenc": Click("hubspot", EMAIL),
    "_kx": Click("klaviyo", EMAIL),
    "vero_id": Click("vero", EMAIL),
    "dm_i": Click("dotdigital", EMAIL),
    "ml_subscriber_hash": Click("mailerlite", EMAIL),
}
"""Names of parameters, in lower case. That one was there is kept, never its value: it stands for one person."""
