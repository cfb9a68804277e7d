"""`wakeline up`: starts and supervises all services on one machine.

plan.py        the services to start, in order, and when each is ready
watching.py    Prometheus and Grafana beside them
guard.py       checks before the start: exclusive use of the data folder, free ports
supervisor.py  starts and stops services in order
child.py       one service: starts, restarts and stops it
child_process.py  one process of a service: its output, its end
readiness.py   whether a child answers
applier.py     applies the file's definitions, at the start and when the file has changed
differing.py   which settings of the file wait for the next start
room.py        whether the embedded server has enough memory for its data
output.py      the output of all children on one terminal
summary.py     the message printed when everything is running
run.py         wires them together
"""
