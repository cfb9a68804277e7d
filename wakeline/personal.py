"""What may say who somebody is, in what people typed and sites named: labels that many see must not hold any of it."""

from __future__ import annotations

import re

from wakeline.labels import REDACTED
from wakeline.telephones import redact_telephones

# Looser than what the collector redacts: a host needs no dot. The lookbehind keeps it linear: one try for each word.
MAIL_ADDRESS = re.compile(r"(?<![^\s@])[^\s@]+(?:@|%40)[^\s@]+")


def impersonal(text: str) -> str:
    """`text` without addresses of mail and what may be a telephone number."""
    return redact_telephones(MAIL_ADDRESS.sub(REDACTED, text))
