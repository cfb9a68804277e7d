"""Things: orders, products, contacts and others with an id of their own. Each is folded in the lane of its id.

merging.py  what many facts say of one thing or person, merged: the same in whichever order they come
forms.py    the stored names of a fact's fields, and what their values may be
digests.py  how an id that was heard before is recognised, with the same content or another
state.py    a thing
hearing.py  a fact is heard by its thing; a person is named no more; a thing ends by age
"""
