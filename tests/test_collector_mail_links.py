"""Links of mails: clicks go on, opens get their image, and what happened is in the log before the answer."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from collector.mail_links import unnamed
from crm.identity.state import CustomerState, encode_customer
from tests.collector_stand import CHROME, DAY, LANES, NOON, ORIGIN, SECRET, SITE, FaultyLog, Stand, stand
from wakeline.definitions import SCANNED_MS
from wakeline.kept import Kept
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.mailing import Links, Made
from wakeline.mailing.token import LinkKeys, customer_hash, key_id, read, sent_hash
from wakeline.record import Fact
from wakeline.settings import Site

TARGET = f"{ORIGIN}/lamps?size=2#top"
SENT = sent_hash(SECRET, "mail-77")


def made(collector: Stand, *urls: str, now: int = NOON, **said: Any) -> Made:
    links = Links(collector.url, "demo", secret=SECRET, origins=SITE.origins)
    asked = {"campaign": "winter", "sent_id": "mail-77", "customer": 1042, "links": [{"url": url} for url in urls]}
    return links.mail(now=now, **(asked | said))


async def ask(
    collector: Stand, url: str, method: str = "GET", agent: str = CHROME, **more: Any
) -> aiohttp.ClientResponse:
    headers = {"User-Agent": agent, **more.pop("headers", {})}
    async with collector.http.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
        await answer.read()
        return answer


async def text_at(collector: Stand, url: str) -> str:
    async with collector.http.get(url, headers={"User-Agent": CHROME}, allow_redirects=False) as answer:
        return await answer.text()


async def facts(collector: Stand) -> list[Fact]:
    found = [record for lane in (await collector.entries()).values() for record in lane]
    assert all(isinstance(record, Fact) for record in found)
    return [record for record in found if isinstance(record, Fact)]


async def test_a_click_is_in_the_log_and_goes_on_with_its_campaign(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET, element={"subject": "A lamp"})
        answer = await ask(collector, mail.links[0])
        (fact,) = await facts(collector)
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
    target = urlsplit(answer.headers["Location"])
    assert (target.netloc, target.path, target.fragment) == ("shop.example", "/lamps", "top")
    assert parse_qs(target.query) == {
        "size": ["2"], "utm_source": ["newsletter"], "utm_medium": ["email"], "utm_campaign": ["winter"],
    }  # fmt: skip
    assert (fact.type, fact.time, fact.customer) == ("campaign_clicked", NOON, "")
    assert fact.home == unnamed(SECRET, SENT)
    assert fact.body == {"campaign": "winter", "element": {"subject": "A lamp"}}


async def test_no_link_holds_an_id(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET)
    assert customer_hash(SECRET, "1042") != "1042"
    assert all("mail-77" not in text and "1042" not in text for text in (*mail.links, mail.pixel, mail.unsubscribe))


async def test_a_pixel_is_an_image_and_is_never_kept(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        answer = await ask(collector, made(collector).pixel)
        (fact,) = await facts(collector)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (
        200, "image/gif", "no-store",
    )  # fmt: skip
    assert (fact.type, fact.customer, fact.home) == ("campaign_opened", "", unnamed(SECRET, SENT))


def outcomes(collector: Stand) -> dict[str, float]:
    start = "links_total{"
    return {
        name.removeprefix(start)[:-1]: count
        for name, count in collector.metrics().items()
        if name.startswith(start) and count
    }


def outcome(kind: str, word: str) -> str:
    return f'kind="{kind}",outcome="{word}"'


@pytest.mark.parametrize("type", ["application/x-www-form-urlencoded", "multipart"])
async def test_a_mail_program_unsubscribes_at_once(tmp_path: Path, type: str) -> None:
    async with stand(tmp_path) as collector:
        url = made(collector).unsubscribe
        data: Any = {"List-Unsubscribe": "One-Click"}
        if type == "multipart":
            data = aiohttp.FormData(data, default_to_multipart=True)
        answer = await ask(collector, url, "POST", data=data)
        found = {fact.type: fact for fact in await facts(collector)}
    assert answer.status == 200
    mail, preference = found["campaign_unsubscribed"], found["preference"]
    who = f"@{customer_hash(SECRET, '1042')}"
    assert (mail.home, mail.customer) == (f"#sent:{SENT}", who)
    assert (preference.home, preference.customer) == (who, who)
    assert preference.body == {"allowed": False, "channel": "email"}


async def test_opening_the_link_only_asks_and_anything_else_changes_nothing(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET, topic="lamps")
        page = await ask(collector, mail.unsubscribe)
        text = await text_at(collector, mail.unsubscribe)
        assert 'lang="en"' in text
        assert '<form method="post">' in text
        assert "<h1>Unsubscribe?</h1>" in text
        assert page.headers["Referrer-Policy"] == "no-referrer"
        for method, data in (("HEAD", None), ("POST", b""), ("POST", b"x" * 10_000), ("POST", b"List-Unsubscribe=No")):
            await ask(collector, mail.unsubscribe, method, data=data)
        assert (await ask(collector, mail.links[0], "POST", data=b"List-Unsubscribe=One-Click")).status == 405
        assert await facts(collector) == []
        await ask(collector, mail.unsubscribe, "POST", data=b"List-Unsubscribe=One-Click")
        assert {fact.body.get("topic") for fact in await facts(collector)} == {None, "lamps"}


async def test_who_unsubscribes_late_is_heard_and_who_clicks_late_arrives(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET, days=1)
        collector.clock.now = NOON + 2 * DAY
        assert (await ask(collector, mail.links[0])).status == 302
        assert (await ask(collector, mail.pixel)).status == 200
        assert await facts(collector) == []
        await ask(collector, mail.unsubscribe, "POST", data=b"List-Unsubscribe=One-Click")
        assert len(await facts(collector)) == 2
        assert outcomes(collector) == {
            outcome("click", "expired"): 1, outcome("open", "expired"): 1, outcome("unsubscribe", "counted"): 1,
        }  # fmt: skip


def other(url: str, *, site: str = "demo", secret: str = SECRET, **changed: Any) -> str:
    """A link as somebody else signs it."""
    base, _, text = url.rpartition("/")
    found = read(text)
    assert found is not None
    token = msgspec.structs.replace(found, site=site, key=key_id(secret), **changed)
    return f"{base}/{LinkKeys(site, (secret,)).signed(token)}"


async def test_what_is_no_link_of_ours_is_a_plain_404(tmp_path: Path) -> None:
    blog = Site(key="blog", secret="secret of the blog", origins=("https://blog.example",))
    async with stand(tmp_path, SITE, blog) as collector:
        mail = made(collector, TARGET)
        good = mail.links[0]
        token = good.rpartition("/")[2]
        wrong = [
            other(good, secret="made up by somebody"),
            other(good, site="blog"),  # signed with the shop's secret
            other(good, site="blog", secret="secret of the blog"),  # leads to another site's pages
            other(good, target="https://evil.example/"),
            other(good, target="//evil.example/"),
            other(good, target="https://shop.example\\@evil.example/"),
            other(good, target="https://shop.example/\r\nLocation: https://evil.example/"),
            other(good, target=""),
            other(good, site="nobody"),
            good[:-1],
            good + "A",
            collector.url + "/l/",
            collector.url + "/l/" + "é" * 100,
            collector.url + "/l/" + "A" * 4_200,
            collector.url + f"/l/..%2f{token}",
        ]
        for url in wrong:
            answer = await ask(collector, url)
            assert (answer.status, "Location" in answer.headers) == (404, False), url
        assert (await ask(collector, collector.url + "/l/" + "A" * 10_000)).status == 400  # of aiohttp
        assert await facts(collector) == []
        assert sum(outcomes(collector).values()) == len(wrong)
        assert "This link does not work any more" in await text_at(collector, wrong[0])
        assert (await ask(collector, good + "?mc_cid=1&x=%00")).status == 302  # mailers add parameters


async def test_who_unsubscribes_is_heard_though_another_program_signed_nonsense(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        good = made(collector, TARGET)
        url = other(good.unsubscribe, campaign="\u200b", topic="\u200b")
        assert (await ask(collector, url, "POST", data=b"List-Unsubscribe=One-Click")).status == 200
        (fact,) = await facts(collector)
        assert fact.body == {"allowed": False, "channel": "email"}
        assert (await ask(collector, other(good.unsubscribe, customer=""))).status == 404  # of nobody
        assert (await ask(collector, other(good.links[0], campaign="\u200b"))).status == 302
        assert len(await facts(collector)) == 1


async def test_a_key_that_is_taken_away_ends_its_links(tmp_path: Path) -> None:
    url = ""
    for number, (keys, status) in enumerate(
        (((), 302), (("another key of links", SECRET), 302), (("another key of links",), 404))
    ):
        async with stand(tmp_path / str(number), site_with(keys)) as collector:
            url = url or made(collector, TARGET).links[0].partition("/l/")[2]
            assert (await ask(collector, f"{collector.url}/l/{url}")).status == status


def site_with(keys: tuple[str, ...]) -> Site:
    return dataclasses.replace(SITE, link_keys=keys)


MACHINES = {
    "HEAD": ("HEAD", {}),
    "a proxy of images": (
        "GET",
        {"User-Agent": "Mozilla/5.0 Firefox/11.0 (via ggpht.com GoogleImageProxy)"},
    ),
    "Apple's": ("GET", {"User-Agent": "Mozilla/5.0"}),
    "a scanner": ("GET", {"User-Agent": "Mozilla/5.0 (compatible; proofpoint URL Defense)"}),
    "a crawler": ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
    "nobody": ("GET", {"User-Agent": ""}),
    "ahead": ("GET", {"Sec-Purpose": "prefetch;prerender"}),
}


@pytest.mark.parametrize("name", MACHINES)
async def test_machines_arrive_too_and_count_apart(tmp_path: Path, name: str) -> None:
    method, headers = MACHINES[name]
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET)
        assert (await ask(collector, mail.links[0], method, headers=headers)).status == 302
        (fact,) = await facts(collector)
        assert outcomes(collector) == {outcome("click", "machine"): 1}
    assert (fact.body["machine"], fact.customer, fact.home) == (True, "", unnamed(SECRET, SENT))


async def test_who_clicks_while_it_is_sent_is_a_machine_and_clocks_may_differ(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        for after in (0, SCANNED_MS - 1_000, SCANNED_MS, -DAY, DAY):
            await ask(collector, made(collector, TARGET, sent_at=NOON - after).links[0])
        assert outcomes(collector) == {outcome("click", "machine"): 2, outcome("click", "unnamed"): 3}


async def test_a_link_that_is_played_again_counts_once_a_second(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        url = made(collector, TARGET).links[0]
        for _ in range(3):
            await ask(collector, url)
        collector.clock.now += 1_000
        await ask(collector, url)
        found = await facts(collector)
    assert len({fact.id for fact in found[:3]}) == 1
    assert found[0] == found[2] != found[3]


async def test_a_poster_has_nothing_to_count(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        url = made(collector, TARGET, sent_id=None, customer=None).links[0]
        assert (await ask(collector, url)).status == 302
        assert await facts(collector) == []
        assert outcomes(collector) == {outcome("click", "no_mail"): 1}


async def test_people_arrive_while_the_log_is_away_and_who_unsubscribes_is_not_deceived(tmp_path: Path) -> None:
    log = FaultyLog(LANES)
    async with stand(tmp_path, log=log) as collector:
        mail = made(collector, TARGET)
        await ask(collector, mail.links[0])
        log.is_away = True
        assert (await ask(collector, mail.links[0])).status == 302
        assert (await ask(collector, mail.pixel)).status == 200
        answer = await ask(collector, mail.unsubscribe, "POST", data=b"List-Unsubscribe=One-Click")
        assert answer.status == 503
        assert "Retry-After" in answer.headers
        log.is_away = False
        found = outcomes(collector)
        assert found[outcome("click", "lost")] == found[outcome("open", "lost")] == 1
        assert found[outcome("unsubscribe", "lost")] == 1
        assert len(await facts(collector)) == 1


async def test_they_are_spooled_while_the_log_is_away(tmp_path: Path) -> None:
    log = FaultyLog(LANES)
    async with stand(tmp_path, log=log, settings={"spool_mb": 64}) as collector:
        mail = made(collector, TARGET)
        async with asyncio.timeout(10):
            while not collector.parts.writer.is_open:
                await ask(collector, mail.links[0])
        log.is_away = True
        assert (await ask(collector, mail.pixel)).status == 200
        assert outcome("open", "lost") not in outcomes(collector)
        log.is_away = False


# ---- with Redis


async def agree(redis: Any, *, lane: int, level: str = "full", purposes: Sequence[str] = ("contact",)) -> None:
    record = [Kept("d" * 16, 1, NOON, {"consent": {"level": level, "purposes": list(purposes)}})]
    key = Keys().state(lane, "demo", WHO)
    await redis.set(key, encode_customer(CustomerState(record=record)))


WHO = f"@{customer_hash(SECRET, '1042')}"
WHERE = lane_of("demo", WHO, LANES)


@pytest.mark.parametrize(
    ("level", "purposes", "is_named"),
    [("full", ["contact"], True), ("full", ["personalise"], False), ("full", [], False), ("off", ["contact"], False)],
)
async def test_who_agreed_to_contact_is_named(
    redis_server: Any, redis: Any, tmp_path: Path, level: str, purposes: list[str], is_named: bool
) -> None:
    await agree(redis, lane=WHERE, level=level, purposes=purposes)
    async with stand(tmp_path, settings={"redis": redis_server.url}) as collector:
        mail = made(collector, TARGET)
        await ask(collector, mail.pixel)
        (fact,) = await facts(collector)
        assert (fact.customer, fact.home) == ((WHO, f"#sent:{SENT}") if is_named else ("", unnamed(SECRET, SENT)))
        assert outcomes(collector) == {outcome("open", "counted" if is_named else "unnamed"): 1}
        await closed(collector)


async def test_an_alias_is_asked_by_the_id_that_keeps_it(redis_server: Any, redis: Any, tmp_path: Path) -> None:
    root = "@" + "0" * 32
    record = [Kept("d" * 16, 1, NOON, {"consent": {"level": "full", "purposes": ["contact"]}})]
    await redis.set(Keys().state(WHERE, "demo", WHO), encode_customer(CustomerState(into=root)))
    await redis.set(
        Keys().state(lane_of("demo", root, LANES), "demo", root), encode_customer(CustomerState(record=record))
    )
    async with stand(tmp_path, settings={"redis": redis_server.url}) as collector:
        await ask(collector, made(collector).pixel)
        assert (await facts(collector))[0].customer == WHO
        await closed(collector)


async def test_a_click_waits_until_it_is_folded(redis_server: Any, redis: Any, tmp_path: Path) -> None:
    lane = lane_of("demo", unnamed(SECRET, SENT), LANES)
    async with stand(tmp_path, settings={"redis": redis_server.url}) as collector:
        url = made(collector, TARGET).links[0]

        async def folds() -> float:
            await asyncio.sleep(0.08)  # the click waits for the place, 0 as long as nobody wrote another
            at = time.monotonic()
            await redis.hset(Keys().lane(lane), "offset", 1)
            return at

        folded = asyncio.create_task(folds())
        answer = await ask(collector, url)
        assert time.monotonic() >= await folded
        assert answer.status == 302
        metrics = collector.metrics()
        assert (metrics["link_wait_seconds_count"], metrics["link_timeouts_total"]) == (1, 0)
        await closed(collector)


async def test_it_waits_150_ms_at_most_and_machines_not_at_all(redis_server: Any, redis: Any, tmp_path: Path) -> None:
    async with stand(tmp_path, settings={"redis": redis_server.url}) as collector:
        url = made(collector, TARGET).links[0]
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(collector, url) for _ in range(20)))
        assert 0.14 < time.monotonic() - began < 2
        assert {answer.status for answer in answers} == {302}
        assert collector.metrics()["link_timeouts_total"] == 20
        await ask(collector, url, "HEAD")
        assert collector.metrics()["link_wait_seconds_count"] == 20
        await closed(collector)


async def closed(collector: Stand) -> None:
    await asyncio.gather(collector.parts.folded.close(), collector.parts.agreed.close())
