"""Page views, engaged time, custom events, and what pages report about themselves.

page_views.py  page views and engaged time by page
events.py      custom events
reports.py     what pages report about themselves
speed.py       how fast they were, and the errors that visitors met
searches.py    searches on the site, and pages that do not exist
"""
