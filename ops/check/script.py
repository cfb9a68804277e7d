"""What the tag's src brought: is it our script, which version, and does it have the hash that the tag names."""

from __future__ import annotations

from urllib.parse import urlsplit

from ops.check.finding import Finding, fail, ok, warn
from wakeline.scripts import Kind, Published, integrity_of, version_of


def judge_script(source: str, body: bytes, integrity: str, published: Published) -> Finding:
    """`source` is where `body` came from, `integrity` the tag's, if it has one."""
    hash = integrity_of(body)
    if integrity.startswith("sha384-") and hash not in integrity.split():
        return fail(
            f"{source} has another hash than the tag's integrity: browsers do not run it",
            "paste anew what `wakeline snippet --pinned` prints",
        )
    found = published.found(hash)
    if not found:
        return warn(
            f"{source} is another version of the script than this one's", "is a proxy or CDN holding an old copy?"
        )
    version, kind = found
    if kind is Kind.VITALS:
        return fail(f"{source} measures web vitals and nothing else", "put what `wakeline snippet` prints before it")
    if version == published.current:
        return ok(f"{source} is our script, as in this version")
    if version_of(urlsplit(source).path):
        return ok(f"{source} is our script, pinned to {version}; this one's is {published.current}")
    return warn(
        f"{source} is version {version} of the script, not {published.current}",
        "is a proxy or CDN holding an old copy?",
    )
