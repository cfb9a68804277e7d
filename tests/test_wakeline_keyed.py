"""Keyed hashes of ids."""

from __future__ import annotations

import hmac

import pytest

from wakeline.keyed import keyed


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
@pytest.mark.parametrize("text", ["", "customer:1042", "event:zäh€", "x" * 500])
def test_it_is_hmac_sha256_whatever_the_length_of_the_key(length: int, text: str) -> None:
    key = ("ü" + "k" * length)[:length]
    assert keyed(key, text) == hmac.digest(key.encode(), text.encode(), "sha256")


def test_each_text_is_hashed_alone() -> None:
    assert keyed("secret", "a") == keyed("secret", "a") != keyed("secret", "b")
