"""`wakeline link` prints signed links, and draws a QR code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from wakeline.mailing.token import read

FILE = 'public_url = "https://stats.shop.example"\n[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n'
SECRET = 'secret = "0123456789abcdef"\n'
Run = Callable[..., Result]


@pytest.fixture
def run(configured: Callable[[str], None]) -> Run:
    configured(FILE + SECRET)
    return lambda *words: CliRunner().invoke(main, ["link", *words])


def test_a_link_for_each_url(run: Run) -> None:
    said = run("https://shop.example/a", "https://shop.example/b", "--campaign", "winter", "--element", "link", "top")
    assert said.exit_code == 0, said.output
    tokens = [read(line.removeprefix("https://stats.shop.example/l/")) for line in said.stdout.splitlines()]
    assert [token and (token.target, token.element) for token in tokens] == [
        ("https://shop.example/a", {"link": "top"}),
        ("https://shop.example/b", {"link": "top"}),
    ]


def test_all_of_a_mail_as_json(run: Run) -> None:
    said = run("https://shop.example/", "--campaign", "w", "--sent-id", "m", "--customer", "7", "--json")
    found: dict[str, Any] = json.loads(said.stdout)
    assert found.keys() == {"links", "pixel", "unsubscribe", "headers"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("https://evil.example/", "--campaign", "w"), "leads to https://evil.example"),
        (("https://shop.example/", "--campaign", "w", "--element", "colour", "red"), "colour"),
        (("https://shop.example/", "--campaign", " "), "campaign: is empty"),
        (("https://shop.example/", "--campaign", "w", "--qr", "a.doc"), "the name of a QR code ends with"),
    ],
)
def test_a_mistake_is_named(run: Run, words: tuple[str, ...], message: str) -> None:
    said = run(*words)
    assert (said.exit_code, said.stdout) == (2, "")
    assert message in said.stderr


def test_a_site_without_a_secret_has_none(run: Run, configured: Callable[[str], None]) -> None:
    configured(FILE)
    assert "no secret" in run("https://shop.example/", "--campaign", "w").stderr


def test_a_qr_code_for_print(run: Run, tmp_path: Path) -> None:
    for name in ("code.svg", "code.png", "code.pdf"):
        said = run("https://shop.example/", "--campaign", "w", "--qr", str(tmp_path / name))
        assert said.exit_code == 0, said.output
        assert (tmp_path / name).stat().st_size > 500
