"""Who is in a segment: rules over what is known of a person.

person.py    what a rule can ask of
fields.py    the fields, by name
source.py    a rule's text: lengths of time and amounts of money, positions, errors
parts.py     what a part of a rule is
values.py    fields, functions, constants, and what is computed from them
checking.py  the grammar
language.py  compiled rules, and the moment at which silence alone may change them
running.py   what compiled rules call
of_profile.py  a person, from its profile
declared.py  the segments of a site
explain.py   why somebody is in a segment
"""
