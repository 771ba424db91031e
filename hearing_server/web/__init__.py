"""The HTTP side of control: pages, API, and the door to the signalling socket."""
