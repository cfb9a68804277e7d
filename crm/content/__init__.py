"""Page views, engaged time and custom events.

page_views.py  page views and engaged time by page
events.py      custom events
searches.py    searches on the site, and pages that do not exist
"""
