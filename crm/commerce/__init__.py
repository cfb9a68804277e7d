"""Orders and products.

orders.py       what facts say of an order, and the order that they make
products.py     what facts say of a product
page_orders.py  a page's purchase or refund tells its order
"""
