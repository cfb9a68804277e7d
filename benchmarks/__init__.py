"""The benchmarks of `make bench`: every figure that has a minimum, and figures that explain them.

__main__.py       the command: python -m benchmarks [--quick] [--only NAME]
figures.py        a figure, and its floor
registry.py       every benchmark, in order; to add one, write a module and list it there
report.py         the table, build/bench.json, the missed floors
machine.py        cores, CPU time and memory of processes, ports
children.py       child processes: their environment, pausing and killing them
waiting.py        polling until a condition holds
exposition.py     /metrics as numbers
services.py       a real server and the real services, each in its own process
mix.py            which visitors and events the processor's figures are measured on
visitors.py       records of visitors who behave like people
stand.py          a million persons in Redis, shared by the figures that need many; built by stand_builder.py
progress.py       how far a processor has come, and what it took
live.py           live events at a steady rate, until their profiles can be read

collector.py      requests per CPU second, against empty_handler.py, under load.py
processor.py      events a second, against stock Faust agents (stock.py) on a real Kafka (kafka.py)
processor_change.py  the processor's CPU time per event against an earlier commit's
rules.py          microseconds of an event, rule by rule
scale.py          Wakeline on a real Kafka (broker.py): the collector, the processor, two processors against one
sizing.py         what a million events take
archiver.py       what the history costs beside a growing log
latency.py        from an event to a readable profile
due_live.py       the same while visits end by the thousand
idle.py           memory and CPU of the whole small path when nothing happens
profile_size.py   bytes in Redis of one profile
snippet.py        bytes of the scripts
page.py           main-thread time of the scripts and of others from npm (rivals/), in Chromium by page.mjs

Ratios are medians over rounds in which the sides alternate, so that other load affects both. Each measured process has
one core of its own; servers, brokers and load share the others.
"""
