"""State is a function of the log alone: for generated logs, whatever is cut, restored, killed or replayed.

cases.py     what is generated, facts.py of it: a log, the moments at which it is folded, the bounds that are lowered
holdings.py  what Redis holds, and where two of these differ
runs.py      a case run on real workers: live, cut otherwise, restored, killed, replayed
memory_redis.py    Redis in memory, on which most are folded; memory_scripts.py, memory_values.py of it
checks.py    the four claims for one case; reducing.py the smallest part of a case that still breaks one
endings.py   a rule that tells a customer of a visit that ended, for deadlines that emit
"""
