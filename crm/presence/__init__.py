"""Who is on the site now.

state.py  the changes of one call
signs.py  the latest heartbeat or leave of each page instance decides
"""
