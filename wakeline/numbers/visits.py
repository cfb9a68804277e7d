"""Numbers of visits, content and consent."""

from __future__ import annotations

from wakeline.definitions import BOUNCE_BELOW_MS
from wakeline.numbers.kinds import MS, PERCENT, Count, Top
from wakeline.vocabulary.sources import CLASSES

PAGE_VIEWS = Count("page_views", "page_views", "Page views of people")
SESSIONS = Count("sessions", "sessions", "Sessions that ended")
BOUNCES = Count(
    "bounces",
    "bounces",
    f"Sessions that ended with one page view, less than {BOUNCE_BELOW_MS // 1000} s engaged, and nothing done",
)
ENGAGED = Count("engaged_ms", "engaged_seconds", "Time that pages were visible and focused", unit=MS)
SCROLLED = Count(
    "scrolled", "scrolled_pages", "How much of pages was seen: one to its end counts 1", has_total=False, unit=PERCENT
)
EVENTS = Count("events", "custom_events", "Custom events that are activity")
BOT_EVENTS = Count("bot_events", "bot_events", "Events of bots, which are counted only here")
BOT_VIEWS = Count("bot_views", "bot_page_views", "Page views of bots, which are among their events")
NEW_VISITORS = Count("new_visitors", "new_visitors", "Consenting visitors seen for the first time")
IDENTIFIED = Count("identified", "identified", "Visitors linked to a customer")
WITHDRAWALS = Count("withdrawals", "withdrawals", "Visitors who withdrew their consent")
AGREED = Count("agreed", "consents_given", "Visitors who agreed when they were asked, each once")
DECLINED = Count(
    "declined", "consents_declined", "Visitors who declined when they were asked, each once a day, as nobody is known"
)
GPC_VIEWS = Count("gpc_views", "page_views_with_gpc", "Page views of people whose browser asks for privacy (GPC)")
VISITS = Count("visits", "visits", "Sessions that began", has_total=False)  # total: SESSIONS, counted at the end
VISITS_NEW = Count("visits_new", "new_visits", "First visits of visitors who consented", has_total=False)
VISITS_RETURNING = Count(
    "visits_returning", "returning_visits", "Further visits of visitors who consented", has_total=False
)

SEARCHES = Count("searches", "searches", "Searches on the site")
SEARCHES_EMPTY = Count("searches_empty", "searches_without_result", "Searches on the site that found nothing")
NOT_FOUND = Count("not_found", "pages_not_found", "Views of pages that do not exist, as the site tells them")

TOP_PAGES = Top("pages", "page_views", "page", "Page views by page path", is_live=True, has_paths=True)
TOP_ENGAGED = Top("engaged_ms", "engaged_seconds", "page", "Engaged time by page path", has_paths=True, unit=MS)
TOP_SCROLLED = Top(
    "scrolled", "scrolled_pages", "page", "How much of pages was seen, by page path", has_paths=True, unit=PERCENT
)
TOP_ENTRIES = Top("entries", "entries", "page", "Sessions by entry page", has_paths=True)
TOP_EXITS = Top("exits", "exits", "page", "Sessions by exit page", has_paths=True)
TOP_STEPS = Top("steps", "page_steps", "step", "Steps from one page to the next within a visit", has_paths=True)
TOP_BACK = Top(
    "back", "page_steps_back", "step", "Steps to a page from which visitors went straight back", has_paths=True
)
TOP_SOURCES = Top("sources", "visits", "source", "Sessions that began, by source", is_live=True)
TOP_SOURCE_CLASSES = Top(
    "source_classes", "class_visits", "source_class", "Sessions that began, by class of source", most=len(CLASSES)
)
TOP_CAMPAIGNS = Top("campaigns", "campaign_visits", "campaign", "Sessions that began, by campaign")
TOP_INTERESTS = Top("interests", "interest", "interest", "Events that show an interest, by interest", is_live=True)
# includes events that are not activity, so it may exceed EVENTS
TOP_EVENTS = Top("events", "custom_events", "event", "Custom events by name, including pages' own reports")
TOP_BOTS = Top("bots", "bot_events", "bot", "Events of bots, by bot")
TOP_BOT_REASONS = Top(
    "bot_reasons", "bot_events_by_reason", "reason", "Events of bots, by what gives them away", most=3
)
TOP_PURPOSES = Top("purposes", "consents_by_purpose", "purpose", "Visitors who agreed, by purpose that they agreed to")
TOP_COUNTRIES = Top("countries", "country_visits", "country", "Sessions that began, by country, if it is known")
TOP_SEARCHES = Top("searches", "searches", "search_term", "Searches by what was looked for")
TOP_SEARCHES_EMPTY = Top(
    "searches_empty", "searches_without_result", "search_term", "Searches that found nothing, by what was looked for"
)
TOP_NOT_FOUND = Top(
    "not_found", "pages_not_found", "page", "Views of pages that do not exist, by page path", has_paths=True
)
