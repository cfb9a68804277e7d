"""Visits: their sessions and their sources.

state.py        visits, open and closed
sessions.py     assigns events to visits, and merges visits
attribution.py  sets the source of a visit
kinds.py        new and returning visits
steps.py        steps from page to page within a visit, and back
touches.py      its latest visits that campaigns brought
sources.py      where a visit came from; referrers.py the list of known sites
passing.py      hosts through which people only pass: where they pay or log in
"""
