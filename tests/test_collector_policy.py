"""What one site's settings do to what its pages send."""

from __future__ import annotations

from typing import Any

import pytest

from collector.policy import Policy
from wakeline.settings import Site


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        pytest.param("/reset/s3cret", "/reset/*", id="masked"),
        pytest.param("/to/a@b.example", "/to/(redacted)", id="redacted"),
        pytest.param("/shoes", "/shoes", id="as it is"),
        pytest.param("reset/s3cret", "/reset/*", id="without its slash"),
        pytest.param("boots / sale", "boots / sale", id="no path"),
        pytest.param(7, 7, id="no text"),
    ],
)
def test_a_path_among_the_props_is_masked_as_in_a_url(path: Any, kept: Any) -> None:
    policy = Policy(Site(key="shop", masks=("/reset/*",)))
    assert policy.props({"path": path, "other": "/reset/s3cret"}, []) == {"path": kept, "other": "/reset/s3cret"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        pytest.param(
            "https://shop.example/reset/s3cret.pdf?a=1#b", "https://shop.example/reset/*", id="of the site: masked"
        ),
        pytest.param("https://other.example/reset/a.pdf", "https://other.example/reset/a.pdf", id="elsewhere"),
        pytest.param("https://other.example/to/a@b.example", "https://other.example/to/(redacted)", id="redacted"),
        pytest.param("https://[", "https://[", id="no URL"),
        pytest.param(["https://shop.example/"], ["https://shop.example/"], id="no text"),
    ],
)
def test_a_url_among_the_props_is_masked_where_it_is_of_the_site(url: Any, kept: Any) -> None:
    policy = Policy(Site(key="shop", masks=("/reset/*",), origins=("https://shop.example",)))
    assert policy.props({"url": url}, []) == {"url": kept}
