"""Who is on the site now.

state.py  what one call changes of it
signs.py  the latest sign or leave of each page instance decides
"""
