"""How people come to the shop: the URL and the referrer of their first page, and what is true of it.

What is true stands beside the URL, as docs/sources.md says it, so that nothing has to be read from it.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode


class Way(NamedTuple):
    """`pays`: from where people pay, log in or confirm, so that it is no source."""

    source: str
    source_class: str
    campaign: str = ""
    content: str = ""
    term: str = ""
    path: str = "/"
    query: str = ""
    referrer: str = ""
    pays: bool = False

    @property
    def is_known(self) -> bool:
        return self.source_class != "direct"


DIRECT = Way("direct", "direct")

UNPLANNED = (
    DIRECT,
    Way("direct", "direct", path="/lamps"),
    Way("google", "search", path="/lamps", referrer="https://www.google.de/"),
    Way("chatgpt", "ai_assistant", referrer="https://chatgpt.com/"),
    Way("blog.example", "referral", path="/ceramics", referrer="https://www.blog.example/lamps"),
    Way("facebook", "social", query="fbclid=IwAR2"),
    Way("webmail.example", "email", referrer="https://webmail.example/inbox"),
    Way("bing", "paid", path="/plants", query="msclkid=77"),
)
"""Ways that no campaign knows of."""

PAYING = (
    Way("internal", "internal", path="/thanks", referrer="https://www.paypal.com/checkoutnow", pays=True),
    Way("internal", "internal", path="/thanks", referrer="https://hooks.stripe.com/3d_secure_2", pays=True),
    Way("internal", "internal", path="/thanks", referrer="https://pay.shop-bank.example/done", pays=True),
)
PASSING_HOSTS = ("pay.shop-bank.example",)
"""Those of `PAYING` that only this shop knows."""


def campaign_way(
    campaign: str, source: str, source_class: str, *, medium: str, content: str = "", term: str = "", path: str = "/",
    click: str = "", referrer: str = "",
) -> Way:  # fmt: skip
    """A link of a campaign. `click`: the parameter of a network, which stands for a `source` that the link omits."""
    said = {
        "utm_source": "" if click else source, "utm_medium": medium, "utm_campaign": campaign,
        "utm_content": content, "utm_term": term, click: "1a2b",
    }  # fmt: skip
    query = urlencode({name: value for name, value in said.items() if name and value})
    return Way(source, source_class, campaign, content, term, path, query, referrer)
