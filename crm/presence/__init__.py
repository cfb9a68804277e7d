"""Who is on the site now.

rule.py  the latest sign or leave of each page instance decides
"""
