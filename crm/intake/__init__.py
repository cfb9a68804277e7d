"""Deduplication and bots.

state.py       page instances, with the events seen of each
duplicates.py  each event counts once
bots.py        bots are counted separately from people
"""
