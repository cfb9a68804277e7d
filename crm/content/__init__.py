"""What was looked at and done.

rule.py    page views and engaged time by page
events.py  custom events
"""
