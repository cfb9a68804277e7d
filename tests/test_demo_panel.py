"""The panel's access to the live profile: which answers it passes on, to whom, and that the token stays secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from benchmarks.machine import free_port
from benchmarks.waiting import until
from demo.app import create_app
from demo.catalogue import SITE
from tests.browser import Tab, running_browser
from tests.collector_stand import CHROME
from wakeline.config import load
from wakeline.profiles import Profile, Session, Source

TOKEN = "a-token-that-no-page-sees"
VISITOR = "v" * 22
PROFILE = {"id": VISITOR, "customer": None, "page_views": 3}
CUSTOMER = {"id": "@" + "c" * 32, "customer": None, "page_views": 9}
HOST = {"Host": "127.0.0.1:8710", "User-Agent": CHROME}
OURS = {**HOST, "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}


SIGNED_IN = "sessionStorage['shop.customer'] = JSON.stringify({id: 'C-1042', expires: Date.now() + 600_000})"
CELLS = "[...one.children].map(cell => [...cell.childNodes].map(line => line.textContent).join(', ')).join(' | ')"
ROWS = f"[...document.querySelectorAll('#worth-rows tr')].map(one => {CELLS}).join()"
"""What is said in the table of what a customer is worth."""


@dataclass
class ReadSide:
    """Replaces the API service: gives prepared answers, records requests."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        self.asked.append(id)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"reason": "unauthorized"}, status=401)
        status, body = self.answers.get(id, (404, b'{"reason":"unknown_profile"}'))
        return web.Response(status=status, body=body, content_type="application/json")

    def knows(self, profile: dict[str, object]) -> None:
        self.answers[str(profile["id"])] = (200, json.dumps(profile).encode())


@pytest.fixture
def read_side() -> ReadSide:
    return ReadSide()


def shop_with(api_port: int, token: str) -> TestClient:
    flags = {"api_port": str(api_port), "api_token": token}
    flags |= {"port": str(free_port())}  # no collector, or one without the server API: no departments
    return TestClient(TestServer(create_app(load(SITE.parent / "wakeline.toml", flags, {}), 8710)))


@pytest.fixture
async def api_port(read_side: ReadSide) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/v1/profiles/demo/{id}", read_side.handle)
    async with TestServer(app) as server:
        assert server.port
        yield server.port


@pytest.fixture
async def shop(api_port: int) -> AsyncIterator[TestClient]:
    async with shop_with(api_port, TOKEN) as client:
        yield client


async def test_a_profile_is_passed_on(shop: TestClient, read_side: ReadSide) -> None:
    read_side.knows(PROFILE)
    answer = await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert await answer.json() == {"visitor": PROFILE, "customer": None}


async def test_of_a_known_customer_both_are(shop: TestClient, read_side: ReadSide) -> None:
    read_side.knows(PROFILE | {"customer": CUSTOMER["id"]})
    read_side.knows(CUSTOMER)
    body = await (await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)).json()
    assert body["customer"] == CUSTOMER
    assert read_side.asked == [VISITOR, CUSTOMER["id"]]


@pytest.mark.parametrize(
    ("agent", "bot"),
    [("Mozilla/5.0 (compatible; Googlebot/2.1)", "Googlebot"), ("curl/8.0", "curl"), ("", "no user agent")],
)
async def test_a_bot_is_told_that_it_is_one(shop: TestClient, agent: str, bot: str) -> None:
    """It has no profile, and the panel says why."""
    answer = await shop.get(f"/panel/profile/{VISITOR}", headers=OURS | {"User-Agent": agent})
    assert await answer.json() == {"visitor": None, "customer": None, "bot": bot}


@pytest.mark.browser
async def test_the_panel_says_why_a_driven_browser_has_no_profile(api_port: int) -> None:
    port, other = free_port(), free_port()
    flags = {"api_port": str(api_port), "api_token": TOKEN, "port": str(other)}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), port)
    async with TestServer(app, port=port), running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://localhost:{port}/privacy")
        await tab.do(f"localStorage['wakeline.consent'] = 'full', localStorage['wakeline.id'] = '{VISITOR}'")
        await tab.goto(f"http://localhost:{port}/lamps")
        text = "document.querySelector('#panel #nothing').innerText"
        await until(lambda: _holds(tab, text, "You count as a bot"), "the panel says why")
        said = await tab.ask(text)  # once: the name may arrive any moment
        assert "calls itself" in said or "a program drives it" in said
        assert not await tab.ask("document.querySelector('#nothing-show').checkVisibility()")


@pytest.mark.browser
async def test_the_panel_shows_what_the_visitors_customer_is_worth(api_port: int, read_side: ReadSide) -> None:
    """With every answer again, as long as the visitor is known to be the customer."""
    port, other = free_port(), free_port()
    flags = {"api_port": str(api_port), "api_token": TOKEN, "port": str(other)}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), port)
    read_side.knows(seen(VISITOR))
    async with TestServer(app, port=port), running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://localhost:{port}/privacy")
        await tab.do(f"localStorage['wakeline.consent'] = 'full', localStorage['wakeline.id'] = '{VISITOR}'")
        await tab.do(SIGNED_IN)
        await tab.goto(f"http://localhost:{port}/lamps")
        await until(lambda: _is(tab, "!document.querySelector('#known').hidden"), "the profile is shown")
        assert await tab.ask("document.querySelector('#worth').hidden && document.querySelector('#own').hidden")
        for earned, shown in (
            (sums(3, "408.00", "224.40", "-3.20"), ["€408", "€224.40", "€3.20", "−€3.20"]),
            (sums(2, "288.00", "158.40", "155.20"), ["€288", "€158.40", "€3.20", "€155.20"]),
        ):
            days = {"orders": earned["orders"], "times": [datetime.now(UTC).isoformat()] * earned["orders"]}
            read_side.knows(seen(VISITOR, customer=CUSTOMER["id"]))
            read_side.knows(seen(CUSTOMER["id"], purchases=days | {"all_time": [earned], "year": [earned]}))
            revenue, margin, cost, profit = shown
            names = {"Orders": earned["orders"], "Revenue kept": revenue, "Margin": margin}
            names |= {"Cost to serve": f"−{cost}", "Profit": profit}
            wanted = [f"{name} | {value} | {value}" for name, value in names.items()]
            await until(lambda wanted=wanted: _is(tab, f"{ROWS} === {','.join(wanted)!r}"), "the customer's worth")
        assert await tab.ask("document.querySelector('#worth-days').textContent") == "Last bought today"
        assert await tab.ask("document.querySelectorAll('#worth .days i').length") == 1
        assert await tab.ask("document.querySelector('#command-customer').textContent.includes('C-1042 --customer')")
        read_side.knows(seen(VISITOR))
        await until(lambda: _is(tab, "document.querySelector('#worth').hidden"), "nothing of it is shown")


@pytest.mark.browser
async def test_the_panel_shows_which_link_a_visit_came_by(api_port: int, read_side: ReadSide) -> None:
    port, other = free_port(), free_port()
    flags = {"api_port": str(api_port), "api_token": TOKEN, "port": str(other)}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), port)
    now = datetime.now(UTC)
    visit = Session(
        started=now, last=now, page_views=1, engaged_seconds=1, entry="/lamps", page="/lamps", source="mail",
        campaign="may", source_class="email",
    )  # fmt: skip
    came = Source("mail", "may", "email", "top-link")
    read_side.knows(seen(VISITOR, session=msgspec.to_builtins(visit), last_source=msgspec.to_builtins(came)))
    async with TestServer(app, port=port), running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://localhost:{port}/privacy")
        await tab.do(f"localStorage['wakeline.consent'] = 'full', localStorage['wakeline.id'] = '{VISITOR}'")
        await tab.goto(f"http://localhost:{port}/lamps")
        await until(lambda: _is(tab, "!document.querySelector('#known').hidden"), "the profile is shown")
        words = "document.querySelector('#session').textContent"
        assert await _holds(tab, words, "mail, email, may, top-link")


@pytest.mark.browser
async def test_the_panel_shows_all_currencies_and_what_is_not_known(api_port: int, read_side: ReadSide) -> None:
    """Until the customer signs out."""
    port, other = free_port(), free_port()
    flags = {"api_port": str(api_port), "api_token": TOKEN, "port": str(other)}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), port)
    euros, dollars = sums(2, "288.00", "158.40", "155.20"), sums(1, "40.00", "0.00", "-3.20")
    dollars |= {"currency": "USD", "revenue_of_unknown_margin": "40.00"}
    bought = {"orders": 5, "times": [datetime.now(UTC).isoformat()], "last": datetime.now(UTC).isoformat()}
    read_side.knows(seen(VISITOR, customer=CUSTOMER["id"]))
    read_side.knows(seen(CUSTOMER["id"], purchases=bought | {"all_time": [euros, dollars], "year": [euros, dollars]}))
    async with TestServer(app, port=port), running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://localhost:{port}/privacy")
        await tab.do(f"localStorage['wakeline.consent'] = 'full', localStorage['wakeline.id'] = '{VISITOR}'")
        await tab.do(SIGNED_IN)
        await tab.goto(f"http://localhost:{port}/account")
        of = {"Revenue kept": "€288, $40", "Margin": "€158.40, $0*", "Cost to serve": "−€3.20, −$3.20"}
        lines = of | {"Profit": "€155.20, −$3.20*"}
        wanted = ["Orders | 3 | 5", *(f"{name} | {said} | {said}" for name, said in lines.items())]
        await until(lambda: _is(tab, f"{ROWS} === {','.join(wanted)!r}"), "both currencies")
        said = await tab.ask("document.querySelector('#worth-unclear').textContent")
        assert said == "* without orders whose margin is not known"
        assert await tab.ask("document.querySelector('#worth .loss') === null")  # nobody knows that
        await tab.do("document.querySelector('#sign-out').click()")
        assert await tab.ask("document.querySelector('#worth').hidden")
        assert await tab.ask("document.querySelector('#command-customer').textContent") == ""


@pytest.mark.browser
@pytest.mark.parametrize(("margin", "words"), [("-5.00", "No purchases that were kept."), ("0.00", "")])
async def test_of_who_never_bought_no_purchase_is_spoken(
    api_port: int, read_side: ReadSide, margin: str, words: str
) -> None:
    """Serving a customer costs something before it buys; where money was lost, something was sold."""
    port, other = free_port(), free_port()
    flags = {"api_port": str(api_port), "api_token": TOKEN, "port": str(other)}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), port)
    costs = sums(0, "0.00", margin, "-3.20")
    purchases = {"orders": 0, "times": [], "all_time": [costs], "year": [costs]}
    read_side.knows(seen(VISITOR, customer=CUSTOMER["id"]))
    read_side.knows(seen(CUSTOMER["id"], purchases=purchases))
    async with TestServer(app, port=port), running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://localhost:{port}/privacy")
        await tab.do(f"localStorage['wakeline.consent'] = 'full', localStorage['wakeline.id'] = '{VISITOR}'")
        await tab.do(SIGNED_IN)
        await tab.goto(f"http://localhost:{port}/lamps")
        await until(lambda: _is(tab, "!document.querySelector('#worth').hidden"), "the costs are shown")
        assert await tab.ask("document.querySelector('#worth-days').textContent") == words
        assert await tab.ask("document.querySelectorAll('#worth .loss').length") == 2


def seen(id: object, **fields: object) -> dict[str, object]:
    """A profile as the read side answers."""
    never = datetime.fromtimestamp(0, UTC)
    source = Source("direct", "")
    made = Profile(
        site="demo", id=str(id), customer=None, visitors=(VISITOR,), first_seen=never, last_seen=never, session=None,
        first_source=source, last_source=source, device="", browser="", os="", country="", interests=(),
    )  # fmt: skip
    return dict(msgspec.to_builtins(made)) | fields


def sums(orders: int, revenue: str, margin: str, profit: str) -> dict[str, Any]:
    amounts = {"revenue": revenue, "margin": margin, "cost_to_serve": "3.20", "profit": profit}
    return {"currency": "EUR", "orders": orders, **amounts}


async def _is(tab: Tab, expression: str) -> bool:
    return bool(await tab.ask(expression))


async def _holds(tab: Tab, expression: str, words: str) -> bool:
    return words in await tab.ask(expression)


async def test_nobody_known_is_no_error(shop: TestClient) -> None:
    answer = await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)
    assert answer.status == 200
    assert await answer.json() == {"visitor": None, "customer": None}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(503, b'{"reason":"unavailable"}', id="Redis is away"),
        pytest.param(404, b'{"reason":"unknown_site"}', id="another configuration"),
        pytest.param(404, b"not found", id="something else on that port"),
        pytest.param(200, b"[]", id="another shape"),
        pytest.param(200, b"{", id="cut"),
        pytest.param(500, b"", id="a fault"),
    ],
)
async def test_a_read_side_that_fails_is_said_to_be_away(
    shop: TestClient, read_side: ReadSide, status: int, body: bytes
) -> None:
    read_side.answers[VISITOR] = (status, body)
    answer = await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)
    assert answer.status == 503
    assert await answer.json() == {"reason": "unavailable"}


async def test_a_read_side_that_is_not_there_is_away() -> None:
    async with shop_with(free_port(), TOKEN) as shop:
        assert (await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)).status == 503


@pytest.mark.parametrize("token", ["wrong", ""], ids=["another token", "no token"])
async def test_without_the_token_nothing_is_shown(api_port: int, read_side: ReadSide, token: str) -> None:
    read_side.knows(PROFILE)
    async with shop_with(api_port, token) as shop:
        answer = await shop.get(f"/panel/profile/{VISITOR}", headers=OURS)
        assert answer.status == 503
        assert "page_views" not in await answer.text()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(HOST, id="an address typed, a picture, a form"),
        pytest.param({**OURS, "Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({**OURS, "Sec-Fetch-Site": "same-site"}, id="another port of this machine"),
        pytest.param({**OURS, "Host": "evil.example:8710"}, id="another name for this address"),
    ],
)
async def test_only_pages_of_the_shop_may_ask(shop: TestClient, read_side: ReadSide, headers: dict[str, str]) -> None:
    read_side.knows(PROFILE)
    answer = await shop.get(f"/panel/profile/{VISITOR}", headers=headers)
    assert answer.status in (403, 421)
    assert "page_views" not in await answer.text()
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert read_side.asked == []


async def test_another_sites_preflight_fails(shop: TestClient) -> None:
    asking = {**HOST, "Origin": "https://evil.example", "Access-Control-Request-Headers": "wakeline-demo"}
    answer = await shop.options(f"/panel/profile/{VISITOR}", headers=asking)
    assert answer.status == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "id",
    ["%40" + "c" * 32, "short", "v" * 37, "..%2F..%2Fmetrics", "vvvvvvvv%3Finterests=1", "vvvvvvvv%0d%0aX:1"],
    ids=["a customer", "too short", "too long", "a path", "a query", "a header"],
)
async def test_only_visitor_ids_are_asked_for(shop: TestClient, read_side: ReadSide, id: str) -> None:
    answer = await shop.get(URL(f"/panel/profile/{id}", encoded=True), headers=OURS)
    assert answer.status in (400, 404)
    assert read_side.asked == []


async def test_neither_token_nor_secret_is_in_anything_that_is_served(shop: TestClient, read_side: ReadSide) -> None:
    secret = load(SITE.parent / "wakeline.toml", {}, {}).sites["demo"].secret
    read_side.knows(PROFILE)
    served = [f"/site/{file.relative_to(SITE)}" for file in SITE.rglob("*.*")]
    for path in (*served, "/", "/account", "/nope", f"/panel/profile/{VISITOR}", "/panel/profile/x"):
        answer = await shop.get(path, headers=OURS)
        said = await answer.text() + str(answer.headers)
        assert TOKEN not in said, path
        assert secret not in said, path
