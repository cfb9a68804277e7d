"""`POST /v1/server/links` makes the links of many mails; all of them, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.openapi import document
from tests.collector_stand import NOON, ORIGIN, SITE, Stand
from tests.server_stand import KEY, fact, server_stand
from wakeline.api_keys import new_key
from wakeline.mailing.token import read
from wakeline.mailing.wire import MAX_MAILS, PATH
from wakeline.settings import Site

NAME, MAILER, STORED = new_key("demo", "mailer", ["links"], now=NOON)
KEYS = {NAME: STORED}
MAIL: dict[str, Any] = {"campaign": "winter", "sent_id": "m-1", "customer": 7, "links": [{"url": f"{ORIGIN}/a"}]}


async def ask(collector: Stand, body: Any, key: str | None = MAILER) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with collector.http.post(collector.url + PATH, json=body, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


async def test_the_links_of_many_mails_in_one_request(tmp_path: Path) -> None:
    async with server_stand(
        tmp_path, keys=KEYS, settings={"public_url": "https://stats.shop.example", "link_path": "/go"}
    ) as at:
        status, answer = await ask(
            at, {"site": "demo", "mails": [{**MAIL, "sent_id": f"m-{n}"} for n in range(MAX_MAILS)]}
        )
        assert status == 200
        assert len({mail["links"][0] for mail in answer["mails"]}) == MAX_MAILS
        first = answer["mails"][0]
        assert first["links"][0].startswith("https://stats.shop.example/go/")
        assert first["headers"]["List-Unsubscribe"] == f"<{first['unsubscribe']}>"
        token = read(first["links"][0].rpartition("/")[2])
        assert token is not None
        assert token.target == f"{ORIGIN}/a"
        path = first["links"][0].removeprefix("https://stats.shop.example")
        async with at.http.get(at.url + path, allow_redirects=False) as followed:
            assert followed.status == 302


@pytest.mark.parametrize(
    ("mail", "words"),
    [
        ({**MAIL, "links": [{"url": "https://evil.example"}]}, "mails[1].links[0].url: leads to https://evil.example"),
        ({**MAIL, "links": [{"url": "javascript:alert(1)"}]}, "mails[1].links[0].url: is no http(s) URL"),
        ({**MAIL, "sent_id": "null"}, "mails[1].sent_id: is empty"),
        ({**MAIL, "colour": "red"}, "colour"),
        ({"sent_id": "m"}, "campaign"),
    ],
)
async def test_a_mistake_is_named_and_nothing_is_made(tmp_path: Path, mail: Any, words: str) -> None:
    async with server_stand(tmp_path, keys=KEYS) as at:
        status, answer = await ask(at, {"mails": [MAIL, mail]})
    assert status == 400
    assert words in answer["message"]


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        (None, {"mails": [MAIL]}, 401),
        (KEY, {"mails": [MAIL]}, 401),  # which this collector does not know
        (MAILER, {"mails": [MAIL], "site": "other"}, 403),
        (MAILER, {"mails": []}, 400),
        (MAILER, {"mails": [MAIL] * (MAX_MAILS + 1)}, 400),
        (MAILER, [], 400),
    ],
    ids=["no key", "an unknown key", "of another site", "no mail", "too many", "no object"],
)
async def test_who_may_not_gets_none(tmp_path: Path, key: str | None, body: Any, status: int) -> None:
    async with server_stand(tmp_path, keys=KEYS) as at:
        assert (await ask(at, body, key))[0] == status


async def test_a_key_needs_its_scope_and_a_site_its_secret(tmp_path: Path) -> None:
    async with server_stand(tmp_path / "a") as at:
        assert (await ask(at, {"mails": [MAIL]}, KEY))[0] == 403
    bare = Site(key="demo", origins=SITE.origins)
    async with server_stand(tmp_path / "b", bare, keys=KEYS) as at:
        status, answer = await ask(at, {"mails": [MAIL]})
        assert (status, answer["reason"]) == (400, "no_secret")


async def test_the_description_has_it() -> None:
    assert PATH.encode() in document()


async def test_what_a_mailer_says_of_machines_names_nobody(tmp_path: Path) -> None:
    async with server_stand(tmp_path) as at:
        said = {"id": "o-1", "type": "campaign_opened", "time": NOON, "customer": "7", "sent_id": "m", "campaign": "w"}
        found = await fact(at, **said, machine=True)
    assert (found.customer, found.visitor, found.body) == ("", "", {"campaign": "w", "machine": True})
