"""The newsletter that the shop sends to a customer who asks for it, and what is said with it. Pure.

All its links, the pixel and the headers to unsubscribe are made by `wakeline.mailing.Links`, as any shop's mailer does.
"""

from __future__ import annotations

import random
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

from demo.catalogue import Product, catalogue
from demo.departments import LETTERS, Fields, Said, Story
from demo.pages import fill
from wakeline.definitions import CONTACT_PURPOSE
from wakeline.mailing import Links
from wakeline.thing_fields import moment

CAMPAIGN, SHELF = "winter-light", "lamps"
CHANNEL = "email"
TOP, BOTTOM = "top", "bottom"  # names of its links; those between have the products'
COST = 0.02
SENDER = "Tern & Tide <newsletter@tern-and-tide.example>"
WHOLE_LINES = policy.SMTP.clone(max_line_length=998)  # else a header with a long URL is encoded, which nobody reads
WORDING = "The shop may see what I open and click"


class Newsletter(NamedTuple):
    """One mail to one customer."""

    message: EmailMessage
    sent: Said  # `campaign_sent`
    sent_id: str


def address(customer: str) -> str:
    """An address that nobody has."""
    return f"{customer.lower()}@example.com"


def newsletter(customer: str, links: Links, shop: str, chance: random.Random, now: int) -> Newsletter:
    """The mail, with links to pages at `shop`, an origin of the site. Raises BadLink for another one."""
    story = Story(customer, chance, now)
    sent_id, subject = story.id("M"), LETTERS[CAMPAIGN]
    products = catalogue().of(SHELF)
    made = links.mail(
        campaign=CAMPAIGN,
        sent_id=sent_id,
        customer=customer,
        element={"subject": subject},
        sent_at=now,
        links=[
            {"url": f"{shop}/{SHELF}", "link": TOP},
            *({"url": shop + product.path, "link": product.id} for product in products),
            {"url": f"{shop}/", "link": BOTTOM},
        ],
        now=now,
    )
    top, *shown, bottom = made.links
    message = EmailMessage(policy=WHOLE_LINES)
    message["From"], message["To"], message["Subject"] = SENDER, address(customer), subject
    message["Date"] = format_datetime(moment(now))
    message["Message-ID"] = make_msgid(domain="tern-and-tide.example")
    for name, value in made.headers.items():
        message[name] = value
    listed = [f"{one.name}, €{one.price}\n{link}" for one, link in zip(products, shown, strict=True)]
    ends_in_words = (f"All of the shop\n{bottom}", f"Unsubscribe\n{made.unsubscribe}")
    message.set_content("\n\n".join((subject, top, *listed, *ends_in_words)))
    items = "".join(_item(product, link, shop) for product, link in zip(products, shown, strict=True))
    html = fill(
        "mail", subject=subject, customer=customer, top=top, bottom=bottom, pixel=made.pixel,
        unsubscribe=made.unsubscribe, raw={"items": items},
    )  # fmt: skip
    message.add_alternative(html, subtype="html")
    story.say(
        "campaign_sent",
        f"sent “{subject}” to {address(customer)}",
        sent_id=sent_id,
        campaign=CAMPAIGN,
        medium="email",
        element={"subject": subject},
        cost=COST,
        currency=catalogue().currency,
    )
    return Newsletter(message, story.said[0], sent_id)


def agreement(customer: str, chance: random.Random, now: int, *, is_given: bool) -> list[Said]:
    """The customer agrees to be known by what is opened and clicked, or does no more."""
    story = Story(customer, chance, now)
    said: Fields = {"purposes": [CONTACT_PURPOSE] if is_given else [], "version": "1", "wording": WORDING}
    words = "may see what you open and click" if is_given else "may no longer see what you open and click"
    story.say("consent", words, level="full", **said)
    return story.said


def wanted(customer: str, chance: random.Random, now: int) -> list[Said]:
    """The customer wants mails again."""
    story = Story(customer, chance, now)
    story.say("preference", "writes to you again", channel=CHANNEL, allowed=True)
    return story.said


def _item(product: Product, link: str, shop: str) -> str:
    art, price = f"{shop}/site/art/{product.id}.svg", str(product.price)
    return fill("mail_item", link=link, art=art, name=product.name, line=product.line, price=price)
