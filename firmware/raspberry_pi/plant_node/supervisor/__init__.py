"""The outputs' supervisor: a small process of its own that owns the pins and switches each off in time.

`process` runs in it and `client` in the agent. It ends a run at its deadline, when the agent gives no sign of life
for a few seconds, and when the agent's end of the pipe closes, which it does however the agent dies.
"""
