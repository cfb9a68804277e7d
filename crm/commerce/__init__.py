"""Orders and products.

orders.py       what facts say of an order, and the order that they make
worth.py        what an order is worth: value, taken back, margin, pieces
counting.py     the numbers of a site follow its orders, by the difference that each fact makes
accounts.py     what orders and other things tell their customer's account
products.py     what facts say of a product
carts.py        a visitor's cart: filled, abandoned, bought
funnel.py       products seen, and how far a visit came towards a purchase
state.py        what a visitor's state has of its cart
page_orders.py  a page's purchase or refund tells its order
claims.py       a visitor who is identified later tells its orders whose they are
"""
