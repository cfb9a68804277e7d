"""What was looked at and done.

page_views.py  page views and engaged time by page
events.py      custom events
"""
