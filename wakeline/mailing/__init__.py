"""Links of a site's own in mails and letters: signed, so that a collector counts only what the site has sent.

    from wakeline.mailing import Links

    links = Links("https://stats.your-site.example", "shop", secret=secret, origins=("https://shop.example",))
    mail = links.mail(campaign="winter-light", sent_id="m-77", customer=1042, links=[{"url": "https://shop.example/"}])

docs/links.md has the format, so that mailers in other languages can sign as well.

token.py    what a link says, its text, and the keys that sign and verify it
targets.py  where a link may lead, and the campaign that is added there
making.py   `Links`: all the links of a mail, checked; of_site.py, by the settings of a site
wire.py     the request for the links of many mails
"""

from __future__ import annotations

from wakeline.mailing.making import BadLink, Links, Made, Mail

__all__ = ["BadLink", "Links", "Made", "Mail"]
