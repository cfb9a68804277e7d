"""What can be said about a person or a thing, and by whom: one vocabulary for pages, servers and imports.

types.py    every event type: who may say it, what it is about, whether it is activity
things.py   things that have an id of their own (orders, products, contacts ...) and live in the lane of that id
names.py    what is no name: placeholders, invisible characters
fields.py   the fields of each type that a server or an import says
pages.py    the fields of each type that a page says
money.py    amounts as whole minor units of a currency
sources.py  where a visit can come from: classes of sources, click ids
Names follow the e-commerce events of Google Analytics 4.
"""
