"""What facts say of a product."""

from __future__ import annotations

from crm.things import forms
from wakeline.kept import Fields
from wakeline.record import Fact
from wakeline.vocabulary.types import PRODUCT_TOLD

FIELDS = forms.table(PRODUCT_TOLD)


def product(fact: Fact) -> Fields:
    return forms.taken(fact.body, FIELDS)
