"""The hot path in compiled code: the same as the Python of this package, for packets that are in order.

``*.c`` is built by :mod:`.build` with the machine's own compiler into one shared library that serves any Python;
:mod:`.library` loads it, :mod:`.path` is what the rest of the media plane sees of it.
"""
