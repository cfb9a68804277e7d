"""Contacts, service orders, agreements, points and sent mails.

facts.py    what facts say of them
mails.py    whether people or machines opened and clicked a mail
reached.py  which contacts of ours reached a customer
"""
