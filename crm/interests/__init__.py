"""What the visitor is interested in.

state.py  interests and their scores
rule.py   which interests an event speaks of, and how much
"""
