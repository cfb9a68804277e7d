"""What facts say of contacts, service orders, agreements, points and sent mails: facts.py; numbers of mails: mails.py."""
