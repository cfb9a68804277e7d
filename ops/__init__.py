"""The operator's tools: the command line, and its larger commands.

cli/     the commands
up/      runs and supervises all services on one machine
check/   checks whether a deployment is correctly set up
backup/  backup and restore
imports/ files of customers, orders and others, moved into the log

person.py       all that is known of a customer
retention.py    what is kept, and what of it would go
definitions.py  the differences between the configuration and what was applied
"""
