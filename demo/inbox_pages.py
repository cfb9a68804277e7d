"""The inbox's pages: the list, a mail, and its HTML, without scripts and with images of the shop and Wakeline alone."""

from __future__ import annotations

from html import escape

from demo.inbox import HOST, Inbox, Mail
from demo.pages import Page, fill
from wakeline.definitions import SCANNED_MS
from wakeline.hosts import origin_of
from wakeline.thing_fields import moment

FRAME = "allow-same-origin allow-top-navigation-by-user-activation"  # and no scripts, so nobody can use the former
NOT_RUNNING = "No mail server runs: the messages of the demo say why."
BASE = '<base target="_top">'  # links open in the tab of the shop


def listed(inbox: Inbox, port: int) -> Page:
    """All mails. `port`: of the mail server."""
    rows = "".join(
        fill("inbox_row", number=str(one.number), sender=_name(one.sender), recipient=one.recipient,
             subject=one.subject, raw={"time": _time(one.at)})
        for one in inbox
    )  # fmt: skip
    where = f"They arrive at smtp://{HOST}:{port}, and leave with the demo." if port else NOT_RUNNING
    empty = "" if rows else fill("inbox_empty")
    return Page("Inbox", fill("inbox", where=where, raw={"rows": rows, "empty": empty}))


def mail_page(mail: Mail) -> Page:
    """One mail, with its HTML in a frame."""
    headers = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>" for name, value in mail.headers.items()
    )
    link = mail.headers.get("List-Unsubscribe", "").strip("<>") if len(mail.headers) > 1 else ""
    texts = {
        "number": str(mail.number), "subject": mail.subject, "sender": mail.sender, "recipient": mail.recipient,
        "ripe": str(mail.at + SCANNED_MS), "wait": str(SCANNED_MS // 1000), "frame": FRAME, "link": link,
    }  # fmt: skip
    raw = {"time": _time(mail.at), "headers": headers, "unlisted": "" if headers else "hidden"}
    raw["unwanted"] = "" if link else "hidden"
    return Page(mail.subject, fill("inbox_mail", raw=raw, **texts))


def framed(mail: Mail) -> str:
    """The document in the frame."""
    if not mail.html:
        return f"<!doctype html><head>{BASE}</head><pre>{escape(mail.text)}</pre>"
    head, found, rest = mail.html.partition("<head>")
    return f"{head}{found}{BASE}{rest}" if found else BASE + mail.html


def mail_policy(collector: str) -> str:
    """The Content-Security-Policy of that document: no scripts, also where somebody opens it without the frame."""
    return (
        f"default-src 'none'; img-src 'self' {origin_of(collector)}; style-src 'unsafe-inline'; form-action 'none'; "
        f"base-uri 'none'; frame-ancestors 'self'; sandbox {FRAME}"
    )


def _name(sender: str) -> str:
    return sender.partition(" <")[0].strip('"') or sender


def _time(ms: int) -> str:
    at = moment(ms).isoformat(timespec="seconds")
    return f'<time datetime="{at}">{at[11:16]} UTC</time>'
