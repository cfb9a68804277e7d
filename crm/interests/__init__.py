"""What the visitor is interested in.

state.py    interests and their scores
scoring.py  the interests of an event, and their weights
"""
