"""What people and their mail programs get at a link: a redirect, an image, a page. Never cached, never listed."""

from __future__ import annotations

from base64 import b64decode
from random import randint

from aiohttp import web

from collector.responses import RETRY_AFTER_S
from wakeline.mailing.making import ONE_CLICK

NAME, _, VALUE = ONE_CLICK.partition("=")
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # 1 x 1, transparent
BASE = {
    "Server": "wakeline",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
PAGE = {
    **BASE,
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",  # the link is its reader's own
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ max-width: 36rem; margin: 4rem auto; padding: 0 1rem; font: 1.125rem/1.5 system-ui, sans-serif }}
button {{ font: inherit; font-weight: 600; padding: .75rem 1.5rem; border: 0; border-radius: 2rem }}
button {{ background: #0f5257; color: #fff }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{form}</main>
</body>
</html>
"""
FORM = f"""<form method="post">
<input type="hidden" name="{NAME}" value="{VALUE}">
<button type="submit">Unsubscribe</button>
</form>
"""


def redirect(target: str) -> web.Response:
    """302: `target` is printable ASCII, see `wakeline.mailing.targets`."""
    return web.Response(status=302, headers={**BASE, "Location": target})


def pixel() -> web.Response:
    return web.Response(headers={**BASE, "Content-Type": "image/gif"}, body=GIF)


def unknown() -> web.Response:
    """404, one text for every cause, so that it tells nobody which links there are."""
    text = (
        "This link does not work any more, or a part of it is missing. "
        "Please open it from the message itself, or go to the shop by its own address."
    )
    return _page(404, "No such link", text)


def ask() -> web.Response:
    """The page that asks whether to unsubscribe: opening it changes nothing, as programs do that, too."""
    return _page(200, "Unsubscribe?", "Press the button, and you will get no more of these messages.", FORM)


def unsubscribed() -> web.Response:
    return _page(200, "You are unsubscribed", "You will get no more of these messages.")


def not_asked() -> web.Response:
    return _page(400, "Nothing was changed", "Please use the button to unsubscribe.", FORM)


def try_again() -> web.Response:
    """503: what was asked for is not stored."""
    answer = _page(503, "Please try again", "This did not work just now. Please try again in a minute.", FORM)
    answer.headers["Retry-After"] = str(randint(*RETRY_AFTER_S))
    return answer


def no_method(*methods: str) -> web.Response:
    answer = _page(405, "Not possible", "This link can only be opened.")
    answer.headers["Allow"] = ", ".join(methods)
    return answer


def _page(status: int, title: str, text: str, form: str = "") -> web.Response:
    return web.Response(status=status, headers=PAGE, text=HTML.format(title=title, text=text, form=form))
