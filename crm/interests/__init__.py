"""What the visitor is interested in.

state.py    interests and their scores
scoring.py  which interests an event speaks of, and how much
"""
