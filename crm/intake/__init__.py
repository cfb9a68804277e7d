"""What comes in: each event once, bots apart from people.

state.py       page instances: which of their events were seen
duplicates.py  each event counts once
bots.py        bots are counted beside people
"""
