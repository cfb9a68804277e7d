"""Page views, engaged time, custom events, and how fast pages were.

page_views.py  page views and engaged time by page
events.py      custom events
searches.py    searches on the site, and pages that do not exist
speed.py       how fast pages were, and the errors that visitors met
"""
