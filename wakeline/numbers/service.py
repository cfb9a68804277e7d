"""Numbers of mails, letters and contacts."""

from __future__ import annotations

from wakeline.numbers.kinds import MS, Count, Money, Pending, Top

# Of mails and letters, each once, on the day of the fact that brings it; see `crm.service.mails`.
MAILS_SENT = Count("mails_sent", "mails_sent", "Mails and letters that were sent")
MAILS_BOUNCED = Count("mails_bounced", "mails_bounced", "Mails and letters that came back")
MAILS_UNSUBSCRIBED = Count("mails_unsubscribed", "mails_unsubscribed", "Mails from which a person unsubscribed")
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

# Of contacts, see `crm.service.contacts`: a change of a contact counts as the difference that it makes. What can become
# less has no total. Days longer ago than LATE_MS change in totals only.
CONTACTS = Count("contacts", "contacts", "Contacts that began: customers wrote, called or came, or you did")
CONTACTS_ANSWERED = Count("contacts_answered", "contacts_answered", "Contacts that got their first answer")
CONTACT_ANSWER_MS = Count(
    "contact_answer_ms",
    "contact_answer_seconds",
    "Time from when customers asked to the first answer of contacts, on the day of the answer",
    has_total=False,
    unit=MS,
)
CONTACTS_SOLVED = Count("contacts_solved", "contacts_solved", "Contacts that were solved or closed")
CONTACTS_GRADED = Count("contacts_graded", "contacts_graded", "Contacts that customers graded", has_total=False)
CONTACT_GRADES = Count(
    "contact_grades",
    "contact_grades",
    "Sum of the grades that customers gave to contacts, 0 to 10 each",
    has_total=False,
)
CONTACT_WORK_S = Count(
    "contact_work_s", "contact_work_seconds", "Time that contacts took, on the day of their beginning", has_total=False
)
CONTACT_COST = Money("contact_cost", "contact_cost_told", "Cost of contacts, with their minutes at the site's rate")
CONTACT_COST_BACK = Money(
    "contact_cost_back", "contact_cost_taken_back", "Cost of contacts that was less, as told later"
)

CONTACTS_OPEN = Pending(
    "contacts_open", "contacts_open", "Contacts with customers that were opened, and neither solved nor closed"
)
CONTACTS_UNANSWERED = Pending("contacts_unanswered", "contacts_unanswered", "Open contacts that got no answer yet")

TOP_CHANNELS = Top("contact_channels", "channel_contacts", "channel", "Contacts that began, by channel")
TOP_TOPICS = Top("contact_topics", "topic_contacts", "topic", "Contacts that began, by topic")
