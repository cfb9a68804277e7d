"""What facts say of a product."""

from __future__ import annotations

from crm.things import forms
from crm.things.merging import Fields
from wakeline.record import Fact

FIELDS = forms.table(
    "price", "cost", "currency",
    name=("n", forms.text), categories=("g", forms.texts), stock=("q", forms.number),
    lead_days=("lead_days", forms.number), url=("url", forms.text), image=("image", forms.text),
    attributes=("attributes", forms.scalars),
)  # fmt: skip


def product(fact: Fact) -> Fields:
    return forms.taken(fact.body, FIELDS)
