"""`wakeline key` makes, lists and revokes API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from wakeline import api_keys, keys
from wakeline.api_keys import ApiKey, found, say_used, stored_keys
from wakeline.redis.connect import connect

FILE = '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "0123456789abcdef"\n'
TWO = FILE + '[[site]]\nkey = "blog"\norigins = ["https://blog.example"]\n'
Run = Callable[..., Result]


@pytest.fixture
def run(configured: Callable[[str], None], redis_server: Any) -> Run:
    configured(FILE)
    return lambda *words: CliRunner().invoke(main, ["key", *words, "--redis", redis_server.url])


def stored(redis_server: Any) -> dict[str, ApiKey]:
    async def read() -> dict[str, ApiKey]:
        async with connect(redis_server.url) as redis:
            return await stored_keys(redis)

    return asyncio.run(read())


def test_a_key_is_shown_once_and_works(run: Run, redis_server: Any) -> None:
    said = run("make", "--label", "till 3")
    assert said.exit_code == 0, said.output
    text = said.stdout.strip()  # alone, to be piped into a secret store
    name, key = found(stored(redis_server), text) or ("", None)
    assert key is not None
    assert (key.site, key.label, key.scopes, key.revoked) == ("shop", "till 3", ["events"], 0)
    assert name in said.stderr
    assert text[-43:] not in said.stderr
    listed = run("list").output
    assert text[-43:] not in listed
    assert [word in listed for word in (name, "shop", "till 3", "events")] == [True] * 4


def test_scopes_are_chosen(run: Run, redis_server: Any) -> None:
    assert run("make", "--label", "desk", "--scope", "erase", "--scope", "events", "--scope", "erase").exit_code == 0
    (key,) = stored(redis_server).values()
    assert key.scopes == ["erase", "events"]
    said = run("make", "--label", "desk", "--scope", "everything")
    assert said.exit_code == 2
    assert "'events'" in said.output


def test_a_revoked_key_is_listed_as_such(run: Run, redis_server: Any) -> None:
    run("make", "--label", "old")
    ((name, key),) = stored(redis_server).items()
    said = run("revoke", f"wk_{name}", "--yes")
    assert (said.exit_code, "stops telling within five seconds" in said.output) == (0, True)
    assert stored(redis_server)[name].revoked >= key.made
    assert run("list").output.count("UTC") == 2
    again = run("revoke", name, "--yes")
    assert (again.exit_code, "was revoked before" in again.output) == (0, True)


def test_the_last_use_is_shown(run: Run, redis_server: Any) -> None:
    run("make", "--label", "x")

    async def use() -> None:
        async with connect(redis_server.url) as redis:
            await say_used(redis, dict.fromkeys(await stored_keys(redis), 1_789_992_000_000))

    asyncio.run(use())
    assert "2026-09-21 12:00 UTC" in run("list").output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("make",), 2, "Missing option '--label'"),
        (("make", "--label", " "), 2, "a label has 1 to 100 characters"),
        (("make", "--label", "x" * 101), 2, "a label has 1 to 100 characters"),
        (("make", "--label", "x", "--site", "blog"), 2, "there is no site blog"),
        (("revoke", "x", "--yes"), 2, "this is no name of a key"),
        (("revoke", "wk_abcdefghijkl_" + "x" * 43, "--yes"), 2, "this is no name of a key"),
        (("revoke", "abcdefghijkl", "--yes"), 1, "there is no key abcdefghijkl"),
        (("revoke", "abcdefghijkl"), 2, "add --yes"),
    ],
)
def test_a_mistake_is_named(run: Run, redis_server: Any, words: tuple[str, ...], code: int, message: str) -> None:
    said = run(*words)
    assert (said.exit_code, said.exception is None or isinstance(said.exception, SystemExit)) == (code, True)
    assert message in said.output
    assert stored(redis_server) == {}


def test_a_site_is_named_if_there_are_several(configured: Callable[[str], None], redis_server: Any) -> None:
    configured(TWO)
    make = ["key", "make", "--label", "x", "--redis", redis_server.url]
    assert "which site?" in CliRunner().invoke(main, make).output
    assert "has no secret" in CliRunner().invoke(main, [*make, "--site", "blog"]).output
    assert CliRunner().invoke(main, [*make, "--site", "shop"]).exit_code == 0


def test_without_redis_it_says_so(configured: Callable[[str], None]) -> None:
    configured(FILE)
    said = CliRunner().invoke(main, ["key", "list", "--redis", "redis://127.0.0.1:1/0"])
    assert (said.exit_code, "cannot use the Redis server" in said.output) == (1, True)


def test_no_key_is_no_table(run: Run) -> None:
    assert run("list").output == "there are no keys: wakeline key make makes one\n"


def test_there_is_a_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 0)
    said = run("make", "--label", "x")
    assert (said.exit_code, "revoked ones included" in said.output, said.stdout) == (1, True, "")


def test_help_teaches(run: Run) -> None:
    for words in ((), ("make",), ("list",), ("revoke",)):
        said = CliRunner().invoke(main, ["key", *words, "--help"])
        assert said.exit_code == 0
    assert "curl" in CliRunner().invoke(main, ["key", "make", "--help"]).output
    assert keys.API_KEYS not in said.output
