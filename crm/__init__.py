"""The business rules: how events change visitors, customers and the site's numbers. No I/O, no clock.

rules.py     the rules in the order in which they are applied, and deadlines; records.py handles other records
facts.py     which home hears which fact, and what each type says of it
state.py     the state of a visitor, composed of the packages' states
pages.py     page instances beyond those in a visitor's state; page_text.py their stored form
out.py       a rule's other effects: count, wake at a time, tell a customer, forget
dead.py      records that cannot be folded, and whom they name
lifetimes.py how long profiles and counted events are kept
sites.py     the settings of a site that rules use; definitions.py those that are records in every lane
intake/      duplicates and bots
identity/    consent, customers, their records, and erasure
presence/    who is on the site now
visits/      which visit an event belongs to, and the visit's source
content/     page views, engaged time, custom events, how fast pages were
interests/   what the visitor is interested in
things/      things with an id of their own: what many facts say of one, merged
commerce/    orders and products
service/     contacts, service orders, agreements, points, sent mails

Each package holds its rules and its state. To add a rule, write it in its package and list it in rules.py. The
processor imports only modules at this level, never a package below it.
"""
