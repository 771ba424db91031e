"""How many hearings one core forwards, ours beside Janus in the same run.

One process of each side at a time is pinned to the first core; the load generator is pinned to the second.  The sides
take turns, so that a drift of the machine meets both.

- :mod:`.shapes`: what is sent by whom to whom, and how long it is watched
- :mod:`.generator`: the load generator's process; :mod:`.client`, :mod:`.sending`, :mod:`.receiving` are its parts
- :mod:`.ours`, :mod:`.janus`: the two servers, started and set up for a shape
- :mod:`.steps`, :mod:`.report`: which loads are tried, what is printed and written
"""
