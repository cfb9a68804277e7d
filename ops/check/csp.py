"""Content-Security-Policies (www.w3.org/TR/CSP3), as far as the snippet's loading and sending depend on them."""

from __future__ import annotations

from urllib.parse import urlsplit

from wakeline.hosts import DEFAULT_PORTS

Policy = dict[str, list[str]]  # directive -> sources


def policies(header: str) -> list[Policy]:
    """The policies in one header or meta tag; all of them must allow an action."""
    found = []
    for text in header.split(","):
        policy: Policy = {}
        for directive in text.split(";"):
            if words := directive.split():
                policy.setdefault(words[0].lower(), words[1:])
        if policy:
            found.append(policy)
    return found


def blocks_script(policy: Policy, url: str, page: str, *, nonce: str = "", integrity: str = "") -> str:
    """The directive that prevents the script at `url` from running on `page`, or ""."""
    directive = _first(policy, "script-src-elem", "script-src", "default-src")
    if not directive:
        return ""
    sources = policy[directive]
    if nonce and f"'nonce-{nonce}'" in sources:
        return ""
    if integrity and all(f"'{hash}'" in sources for hash in integrity.split()):
        return ""
    if "'strict-dynamic'" in sources:
        return directive
    return "" if _any(sources, url, page) else directive


def blocks_connection(policy: Policy, url: str, page: str) -> str:
    """The directive that prevents `page` from sending to `url`, or ""."""
    directive = _first(policy, "connect-src", "default-src")
    return "" if not directive or _any(policy[directive], url, page) else directive


SANDBOX = {
    "allow-scripts": "no script runs",
    "allow-same-origin": "the page's origin is null, so it cannot send or store anything",
}


def missing_in_sandbox(policy: Policy) -> dict[str, str]:
    """Required permissions missing from a sandbox policy, and their effects. Browsers ignore sandbox in meta tags."""
    allowed = {word.lower() for word in policy.get("sandbox", SANDBOX)}
    return {word: what for word, what in SANDBOX.items() if word not in allowed}


def _first(policy: Policy, *names: str) -> str:
    return next((name for name in names if name in policy), "")


def _any(sources: list[str], url: str, page: str) -> bool:
    return any(_matches(source, url, page) for source in sources)


def _matches(source: str, url: str, page: str) -> bool:
    if source == "*":
        return urlsplit(url).scheme in DEFAULT_PORTS
    if source.lower() == "'self'":
        return _matches_host(page.split("://")[1].split("/")[0], url, page)
    if source.startswith("'"):
        return False
    if source.endswith(":") and "/" not in source:
        return _scheme_fits(source[:-1].lower(), urlsplit(url).scheme)
    return _matches_host(source, url, page)


def _matches_host(source: str, url: str, page: str) -> bool:
    target = urlsplit(url)
    scheme, _, rest = source.rpartition("://")
    if not _scheme_fits(scheme.lower() or urlsplit(page).scheme, target.scheme):
        return False
    host, slash, path = rest.partition("/")
    host, _, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    if not _host_fits(host.lower(), target.hostname or ""):
        return False
    default = DEFAULT_PORTS.get(target.scheme)
    if port != "*" and (int(port) if port.isdecimal() else default) != (target.port or default):
        return False
    if not slash or not path:
        return True
    return target.path.startswith("/" + path) if path.endswith("/") else target.path == "/" + path


def _scheme_fits(allowed: str, scheme: str) -> bool:
    return scheme == allowed or (allowed == "http" and scheme == "https")


def _host_fits(allowed: str, host: str) -> bool:
    if allowed == "*":
        return True
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed.strip("[]")
