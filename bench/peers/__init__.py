"""The hub's figures against the field: the same work by other task queues, in the same run, on the same machine.

Each peer is a module written as its own documentation recommends, and runs in an environment of its own, .venv-peers.
None of them does what the hub does beside sending: no consent is read, no disclosure is logged, no order is kept
between two changes of one permit. So what a peer is measured at is the least that it costs.
"""
