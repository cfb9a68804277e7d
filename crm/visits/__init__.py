"""Visits: what belongs together in time, and where it came from.

state.py        visits, open and closed
sessions.py     which visit an event belongs to, and whether two visits were one
attribution.py  where the visit came from
sources.py      sources by name; referrers.py the list of known sites
"""
