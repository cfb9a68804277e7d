"""`wakeline up`: starts and supervises all services on one machine.

plan.py        what is started, in which order, and when it counts as ready
guard.py       before anything starts: the data folder is ours alone, the ports are free
supervisor.py  the order of starting and stopping
child.py       one service: started, started again when it dies, stopped
child_process.py  one process of it: its lines, its end
readiness.py   whether a child answers
applier.py     applies what is defined, at the start and when the file has changed
room.py        whether the embedded server has room for what it holds
output.py      the lines of all children on one terminal
summary.py     what is printed once all is up
run.py         wires them together
"""
