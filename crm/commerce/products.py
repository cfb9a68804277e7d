"""What facts say of a product."""

from __future__ import annotations

from crm.things import forms
from crm.things.merging import Fields
from wakeline.record import Fact
from wakeline.vocabulary.types import PRODUCT_TOLD

FIELDS = forms.table(PRODUCT_TOLD, name="n", categories="g", stock="q")


def product(fact: Fact) -> Fields:
    return forms.taken(fact.body, FIELDS)
