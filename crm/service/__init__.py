"""What facts say of contacts, service orders, agreements, points and sent mails: facts.py; whether people or machines
opened and clicked a mail: mails.py.
"""
