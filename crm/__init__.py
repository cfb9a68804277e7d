"""What the product knows of people: rules that take an event and say what out. No I/O, no clock.

rules.py     the rules, in the order in which an event meets them, and deadlines; records.py what other records do
state.py     what is remembered of a visitor, put together from those of the packages
pages.py     page instances that a state has no room for; page_text.py how they are written
out.py       what a rule may do besides: count, wake at a time, tell a customer, forget
dead.py      what could not be folded, and whom it is about
lifetimes.py how long people are known, and what they counted
sites.py     what the rules ask of a site's settings; definitions.py those that are records in every lane
intake/      is it new, and is it a person
identity/    what the visitor allows, who it is, and who is forgotten
presence/    who is on the site now
visits/      which visit an event belongs to, and where that came from
content/     page views, engaged time and custom events
interests/   what the visitor is interested in

Each package holds its rules and its state. To add a rule, write it in its package and list it in rules.py. The
processor takes rules.py, records.py and what lies beside them here, and nothing out of a package.
"""
