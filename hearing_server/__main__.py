"""``python -m hearing_server`` is the command ``hearing``."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from .cli import main


def run() -> NoReturn:
    """The command, whose exit code is its answer.

    Everything is done and written when it returns.  The interpreter is not taken down with it: the threads of the
    storage client sometimes abort the process then, with an exit code of their own.
    """
    code = 1
    try:
        code = main()
    except SystemExit as done:  # argparse's answer to --help or a wrong argument
        code = done.code if isinstance(done.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more
            continue
    os._exit(code)


if __name__ == "__main__":
    run()
