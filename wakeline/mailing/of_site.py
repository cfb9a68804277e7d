"""The links of a site, by its settings."""

from __future__ import annotations

from wakeline.mailing.making import Links
from wakeline.settings import Settings, Site
from wakeline.tag import collector_url


def links_of(site: Site, settings: Settings) -> Links:
    """Raises ValueError without a secret."""
    return Links(
        collector_url(settings),
        site.key,
        secret=site.secret,
        origins=site.origins,
        hosts=site.link_hosts,
        keys=site.link_keys,
        path=settings.link_path,
    )
