"""Contacts, service orders, agreements, points and sent mails.

facts.py     what facts say of them
contacts.py  the site's numbers of contacts: begun, open, answered, solved, graded
mails.py     whether people or machines opened and clicked a mail
reached.py   which contacts of ours reached a customer
"""
