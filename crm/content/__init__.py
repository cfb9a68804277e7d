"""Page views, engaged time, custom events, and what pages say about themselves.

page_views.py  page views and engaged time by page
events.py      custom events
searches.py    searches on the site, and pages that do not exist
speed.py       how fast pages were, and the errors that visitors met
usability.py   what annoys visitors: clicks in vain, forms that are left, errors
"""
