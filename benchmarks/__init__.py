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
mix.py            the mix of visitors and events for the processor's figures
visitors.py       records of realistic visitors
stand.py          a million persons in Redis, shared by several figures; built by stand_builder.py
progress.py       progress of a processor, its rate and CPU time
live.py           sends live events at a steady rate, and waits for what follows from them

collector.py      requests per CPU second, compared with empty_handler.py, under load.py
servers.py        events of servers per CPU second of the collector, under the same load with server_requests.py
processor.py      events a second, compared with stock Faust agents (stock.py) on a real Kafka (kafka.py)
processor_change.py  the processor's CPU time per event, compared with an earlier commit
rules.py          microseconds per event, by rule
scale.py          Wakeline on a real Kafka (broker.py): the collector, the processor, two processors and one
sizing.py         memory and disk for a million events
archiver.py       CPU, memory and disk of the history while the log grows
latency.py        time from an event to a readable profile
customer_live.py  the same to the profile of a linked visitor's customer
order_live.py     time from an order that a page tells to revenue and its customer's numbers
links.py          time from a click on a link of a mail to the redirect, and to the customer's profile
due_live.py       time to a readable profile while thousands of visits end
imports.py        the same while a history is imported, and how fast that is
scrape.py         time of a scrape of twenty sites with full lists, and how many series they have
                  (scrape_filling.py fills Redis)
idle.py           memory and CPU of all services when nothing happens
profile_size.py   bytes in Redis of one profile; order_size.py of one order; person_size.py of a customer with all keys
snippet.py        bytes of the scripts
page.py           main-thread time of the scripts and of others from npm (rivals/), in Chromium by page.mjs

Ratios are medians over rounds in which the sides alternate, so that other load affects both. Each measured process has
one core of its own; servers, brokers and load share the others.
"""
