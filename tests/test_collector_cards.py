"""Card numbers are found wherever a person may type one; numbers of orders and products are kept."""

from __future__ import annotations

from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cards import is_card_id
from collector.clean import clean_text
from collector.fields import names_thing
from collector.urls import clean_path, clean_query
from wakeline.labels import REDACTED
from wakeline.telephones import is_gtin

CARDS = {
    "Visa": "4111111111111111",
    "Visa of 13": "4222222222222",
    "Visa of 19": "4000000000000000006",
    "Mastercard": "5500005555555559",
    "Mastercard, 2-series": "2223003122003222",
    "American Express": "378282246310005",
    "Diners Club": "36148900647913",
    "Diners Club, 300": "30569309025904",
    "Discover": "6011111111111117",
    "JCB": "3566002020360505",
    "UnionPay": "6240008631401148",
    "UnionPay of 19": "6205500000000000004",
    "Maestro": "6759649826438453",
    "Mir": "2200000000000004",
}
NO_CARDS = {
    "16 digits of no issuer": "1000000000000008",
    "a prefix of Mastercard, a length of none": "55000055555559",
    "a prefix of American Express, 16 digits": "3400000000000000",
    "a time in us": "1790000000000007",
    "an article's number": "4006381333931",
    "an ISBN": "9783161484100",
    "the check fails": "4111111111111112",
}
ORDERS = [number for number in map(str, range(1_000_000_000_000, 1_000_000_002_000)) if clean_text(number) != number]


@pytest.mark.parametrize("number", CARDS.values(), ids=CARDS)
def test_a_card_is_found_in_text(number: str) -> None:
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    assert clean_text(number) == REDACTED
    assert clean_text(f"my card {grouped} is gone") == f"my card {REDACTED} is gone"
    assert clean_path(f"/pay/{number}x", ()) == f"/pay/{REDACTED}x"


BETWEEN = [
    *(
        "  ",
        " - ",
        "\u2013",
        "\u2011",
        "\u2212",
        "\u202f",
        "\u2009",
        "_",
        "/",
        "\u00b7",
        ".",
        "%20",
        "%20-%20",
        " \u2013 ",
    ),
    *("\u200d", "\u200c", "\u034f", "\u3164", "\ufe0f", " \u200d "),
]


@pytest.mark.parametrize("between", BETWEEN, ids=ascii)
@pytest.mark.parametrize(
    "groups",
    [
        "4111 1111 1111 1111",
        "3782 822463 10005",
        "3056 930902 5904",
        "4000 0000 0000 0000 006",
        "6205 5000 0000 0000 004",
    ],
)
def test_a_card_is_found_however_its_groups_are_parted(between: str, groups: str) -> None:
    typed = between.join(groups.split())
    assert clean_text(f"my card is {typed}, thanks") == f"my card is {REDACTED}, thanks"
    assert clean_text(f"{typed} 12-27 123") == REDACTED
    assert clean_text(f"2 / {typed}") == f"2 / {REDACTED}"


def test_what_is_not_seen_is_kept_where_there_is_no_card() -> None:
    text = "\U0001f468\u200d\U0001f469\u200d\U0001f467 4111\u200d"
    assert clean_text(text) == text
    assert clean_text("me\u200d@mail.example") == REDACTED


NO_GROUPS = {
    "a sum of JavaScript": "3.6100000000000003",
    "a random number of JavaScript": "0.5500005555555559",
    "two of them": "0.5500005555555559 4.5500005555555559",
    "coordinates": "47.600298+17.835789",
    "coordinates with all their digits": "52.520008123456 -13.4111111111111111",
    "an address of a computer": "42.161.165.47 230.111.214.59",
    "two groups and a point": "41111111.11111111",
    "an id of the snippet": "411111111111111141111111111111",
    "its events": "411111111111111141111111111111.4 411111111111111141111111111111.1111",
    "groups of no card, with slashes": "41/111111/11111111",
    "groups of no card, with wide spaces": "411111\u2009111111\u20091111",
}


@pytest.mark.parametrize("text", NO_GROUPS.values(), ids=NO_GROUPS)
def test_digits_in_groups_of_no_card_stay(text: str) -> None:
    assert clean_text(text) == text
    assert clean_path(f"/at/{text}", ()) == clean_path("/at/", ()) + quote(text, safe="/+")


def test_floats_as_text_are_no_cards() -> None:
    chance = Random(1)
    floats = [str(chance.uniform(-7, 7)) for _ in range(5_000)]
    assert [text for text in floats if clean_text(text) != text] == []


def test_no_card_goes_over_a_slash_of_a_path() -> None:
    assert clean_path("/4111/1111/1111/1111", ()) == "/4111/1111/1111/1111"
    assert clean_path("/a/2024/4111_1111_1111_1111/5", ()) == f"/a/2024/{REDACTED}/5"


@pytest.mark.parametrize("number", NO_CARDS.values(), ids=NO_CARDS)
def test_what_has_no_issuers_prefix_and_length_is_no_card(number: str) -> None:
    assert clean_text(f"no. {number}") == f"no. {number}"


def test_order_numbers_of_13_digits_are_no_cards_though_some_pass_luhn() -> None:
    assert ORDERS == []


ARTICLES = [f"{body}{check}" for body in range(400_638_133_000, 400_638_133_400) for check in range(10)]


@pytest.mark.parametrize(
    "path", ["/p/{}", "/{}", "/p/{}/", "/order/{}/done", "/p/{}?a"], ids=["last", "first", "slash", "middle", "query"]
)
def test_a_segment_of_a_path_that_is_the_number_of_an_article_stays(path: str) -> None:
    for number in ARTICLES:
        assert clean_path(path.format(number), ()) == path.format(number)


def test_numbers_of_articles_stay_in_any_text() -> None:
    for number in filter(is_gtin, ARTICLES):
        assert clean_text(f"lamp {number} sale") == f"lamp {number} sale"


def test_a_cartons_number_stays_as_a_segment_and_a_card_of_14_digits_does_not() -> None:
    assert is_gtin("36148900001095")
    assert clean_path("/p/36148900001095", ()) == "/p/36148900001095"
    assert clean_path("/p/36148900647913", ()) == f"/p/{REDACTED}"


def test_campaign_ids_stay_and_a_typed_card_in_a_search_goes() -> None:
    number = "4111111111111111"
    query = f"utm_id={number}&utm_campaign={number}&utm_content={number}&utm_source={number}&q={number}&sku={number}"
    assert clean_query(query, ("q", "sku")) == {
        "utm_id": number,
        "utm_campaign": number,
        "utm_content": number,
        "utm_source": REDACTED,
        "q": REDACTED,
        "sku": number,
    }
    assert clean_query("utm_campaign=4111+1111+1111+1111", ()) == {"utm_campaign": REDACTED}


THINGS = [
    *("order", "order_id", "orderId", "OrderID", "order-number", "transaction_id", "sku", "product", "product_id"),
    *("item_id", "id", "ids", "products", "ean", "gtin13", "isbn", "coupon", "coupon_code", "quantity", "invoice_no"),
]
NO_THINGS = [
    *("", "text", "note", "order_note", "search_term", "number", "code", "card_id", "card_number", "payment_id"),
    *("paid", "video", "购买", "item_name", "phone_number", "1234"),
]


@pytest.mark.parametrize("name", THINGS)
def test_a_field_that_names_a_thing(name: str) -> None:
    assert names_thing(name)


@pytest.mark.parametrize("name", NO_THINGS)
def test_a_field_that_names_none(name: str) -> None:
    assert not names_thing(name)


@pytest.mark.parametrize(
    ("id", "is_card"),
    [
        ("4111111111111111", True),
        ("4111-1111_1111-1111", True),
        ("5500005555555559", True),
        ("4111111111111112", False),
        ("1790000000005", False),
        ("1790000000000002", False),
        ("a4111111111111111", False),
        ("0k3v9q2m1t7b5s8d4f6g2a", False),
        ("411111111111111141111111111111", False),
        ("41111111111111111111", False),
        ("4-_-_-_-_-_-_-_-", False),
    ],
)
def test_an_id_of_a_page_or_browser_may_not_be_a_card(id: str, is_card: bool) -> None:
    assert is_card_id(id) is is_card


@given(
    st.sampled_from([("4", 16), ("51", 16), ("2500", 16), ("34", 15), ("3530", 16), ("6011", 19), ("62", 18)]),
    st.integers(0, 10**18),
    st.sampled_from(["", " ", "-", "%20"]),
)
def test_every_number_of_a_card_is_redacted(issuer: tuple[str, int], digits: int, between: str) -> None:
    prefix, length = issuer
    body = (prefix + f"{digits:019}")[: length - 1]
    for check in range(10):
        number = f"{body}{check}"
        doubled = sum(sum(map(int, str(int(char) * 2))) for char in number[-2::-2])
        if (doubled + sum(map(int, number[-1::-2]))) % 10 == 0:
            groups = between.join(number[at : at + 4] for at in range(0, len(number), 4))
            assert clean_text(groups) == REDACTED
