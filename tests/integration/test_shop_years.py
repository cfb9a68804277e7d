"""Two years of a small shop: whatever is told twice, late or in another order, every number is true in the end.

`make test-history` does the same with thousands of customers, see tests/shop_years/.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shop_years.playing import Options, play

CUSTOMERS = 150

pytestmark = pytest.mark.kill


@pytest.mark.timeout(300)  # on a machine that does other things too
async def test_every_order_product_customer_and_campaign_is_as_the_shop_decided(tmp_path: Path) -> None:
    """While the processor is killed, and after a replay that was killed too."""
    result = await play(tmp_path, Options(seed=1, customers=CUSTOMERS), print)
    for what in ("of them amended", "cancelled", "refunded", "of unknown margin", "of pages alone", "of campaigns"):
        assert result.figures[what] > 20
    assert result.figures["kills of the processor"] > 0
    for when, kinds in result.differences.items():
        assert not {kind: found for kind, found in kinds.items() if found}, when
