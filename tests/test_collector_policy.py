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
        pytest.param("reset/s3cret", "reset/s3cret", id="no path"),
        pytest.param(7, 7, id="no text"),
    ],
)
def test_a_path_among_the_props_is_masked_as_in_a_url(path: Any, kept: Any) -> None:
    policy = Policy(Site(key="shop", masks=("/reset/*",)))
    assert policy.props({"path": path, "other": "/reset/s3cret"}) == {"path": kept, "other": "/reset/s3cret"}
