"""Who is on the site now.

signs.py  the latest sign or leave of each page instance decides
"""
