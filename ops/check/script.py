"""The script that the tag loads: whether it is Wakeline's, which version, and whether its hash matches the tag."""

from __future__ import annotations

from urllib.parse import urlsplit

from ops.check.finding import Finding, fail, ok, warn
from wakeline.scripts import Kind, Published, integrity_of, version_of

COMPANIONS = {  # what each does, beside one of the others
    Kind.VITALS: "measures web vitals",
    Kind.CONSENT: "passes on consent",
    Kind.DATALAYER: "reads the data layer",
    Kind.USABILITY: "tells what annoys visitors",
}


def judge_script(source: str, body: bytes, integrity: str, published: Published) -> Finding:
    """`source` is the URL of `body`, `integrity` the tag's, if any."""
    hash = integrity_of(body)
    if integrity.startswith("sha384-") and hash not in integrity.split():
        return fail(
            f"{source} does not match the tag's integrity: browsers do not run it",
            "paste the current output of `wakeline snippet --pinned`",
        )
    found = published.found(hash)
    if not found:
        return warn(f"{source} is another version of the script", "is a proxy or CDN holding an old copy?")
    version, kind = found
    if kind in COMPANIONS:
        return fail(f"{source} only {COMPANIONS[kind]}", "add the tag that `wakeline snippet` prints before it")
    if version == published.current:
        return ok(f"{source} is the script of this version")
    if version_of(urlsplit(source).path):
        return ok(f"{source} is the script pinned to {version}; the current version is {published.current}")
    return warn(
        f"{source} is version {version} of the script, not {published.current}",
        "is a proxy or CDN serving an old copy?",
    )
