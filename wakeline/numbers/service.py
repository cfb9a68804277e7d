"""Numbers of mails, letters and contacts."""

from __future__ import annotations

from wakeline.numbers.kinds import Count

# Of mails and letters, each once, on the day of the fact that brings it; see `crm.service.mails`.
MAILS_OPENED = Count("mails_opened", "mails_opened", "Mails that a person opened")
MAILS_CLICKED = Count("mails_clicked", "mails_clicked", "Mails of which a person followed a link")
MAILS_CLICKED_BACK = Count(
    "mails_clicked_back", "mails_clicked_taken_back", "Mails of those clicked that were sent only a moment before"
)
OPENS_BY_MACHINES = Count("opens_by_machines", "opens_by_machines", "Mails that a scanner or a proxy opened")
CLICKS_BY_MACHINES = Count(
    "clicks_by_machines", "clicks_by_machines", "Mails of which a machine followed a link, as it says or by its haste"
)
CLICKS_BY_MACHINES_BACK = Count(
    "clicks_by_machines_back",
    "clicks_by_machines_taken_back",
    "Mails of those clicked by machines that were sent earlier, as was told later",
)
