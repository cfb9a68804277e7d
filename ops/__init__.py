"""What an operator uses: the command line, and what its larger commands do.

cli/     the commands
up/      all services on one machine, watched over
check/   is a deployment fit to run
backup/  a copy to keep, and its way back
"""
