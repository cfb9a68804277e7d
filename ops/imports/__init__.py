"""Imports files of customers, orders, contacts, products, mail sends and whole histories: `wakeline import`.

run.py        one file from its name to its end
files.py      what the names mean: files, folders, patterns, URLs
text.py       encodings, and the hash of a file
table.py      the rows of a CSV file; cells.py the values in them, by values.py
names.py      the fields of each kind of table, and the names that shops give their columns
guess.py      the map of a table from its header; mapping.py maps as files
rows.py       tables with one event a row
orders.py     tables of orders, whose rows grouping.py brings together; items.py their items; tax.py takes it off
jsonl.py      JSON lines
saying.py     from what a file says to facts, by collector.facts
moving.py     appends the facts, at the pace of pace.py; people.py writes their personal values
state.py      how far each import has come
problems.py   what is wrong, by line and column
summary.py    what moves, in numbers
"""
