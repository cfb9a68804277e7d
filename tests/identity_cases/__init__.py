"""The record of a person depends on what was said of it, not on the order in which that arrived.

said.py     what browsers, servers and operators say of a few people, from a seed
oracle.py   what is known of each of them then, computed from the set of what was said; what depends on the order
amounts.py  what that comes to, or how it is bounded
arrivals.py orders of arrival, and what a processor makes of each: live, killed, restored, replayed
checks.py   the claim for one case, and the smallest part of it that breaks
"""
