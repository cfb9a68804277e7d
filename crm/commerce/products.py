"""What facts say of a product."""

from __future__ import annotations

from crm.things import forms
from wakeline.record import Fact
from wakeline.told import Fields
from wakeline.vocabulary.types import PRODUCT_TOLD

FIELDS = forms.table(PRODUCT_TOLD)


def product(fact: Fact) -> Fields:
    return forms.taken(fact.body, FIELDS)
