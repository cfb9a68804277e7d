"""Consent, customers and erasure.

state.py       a customer; the turns of a visitor
consent.py     changes of the consent level: a withdrawal erases the visitor, even if late or sent by a bot
aliases.py     several customer ids that are one person
choices.py     who agreed and who declined, as the site counts them
agreements.py  what a page says was agreed to, for the record of the visitor's customer
customers.py   links a visitor to its customer, and adds its activity to the customer's profile
turns.py       whose turn it was on a browser that several people share, and what a late identify moves
noting.py      which visitors of a lane belong to a customer, so that its erasure finds them
account.py     what a customer bought and what it cost, as its things tell
contacts.py    when mails, letters and calls of ours reached a customer, as its things tell
record.py      what servers and imports tell of a customer, and of a visitor
forgetting.py  erasure of visitors and customers, used by the rules
"""
