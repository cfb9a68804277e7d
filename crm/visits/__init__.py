"""Visits: their sessions and their sources.

state.py        visits, open and closed
sessions.py     assigns events to visits, and merges visits
attribution.py  sets the source of a visit
sources.py      sources by name; referrers.py the list of known sites
"""
