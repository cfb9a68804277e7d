"""Who it is: consent, customers, and being forgotten.

state.py       a customer
consent.py     who withdrew is forgotten, whoever says so and however late; who changed the level goes on elsewhere
customers.py   which customer the visitor is, and what its customer gets
forgetting.py  no rule: who is forgotten, and who is told of it
"""
