"""Structured logs: JSON lines for programs, readable lines for a terminal; our own and the libraries' alike.

No names of persons and no media go into a log: identifiers only.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from pathlib import Path
from typing import Any

import structlog

from .config import Settings, variable
from .words import Fault

#: A log file is kept small: the present one and this many before it.
FILE_LIMIT_BYTES = 10 * 1024 * 1024
OLDER_FILES = 3
#: Libraries that write a line per request or packet at their own info level.
TALKATIVE = ("uvicorn.access", "uvicorn.error", "aioice", "aiortc", "asyncio", "sqlalchemy.engine", "alembic")


def configure(settings: Settings, process: str) -> None:
    """Send all logs of this process to stderr, or to ``settings.log_file``; each line names the ``process``.

    Raises :class:`Fault` if the file cannot be written.
    """
    in_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    stamps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "lines": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": stamps,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *_rendering(in_json),
                    ],
                }
            },
            "handlers": {"all": {**_handler(settings.log_file), "formatter": "lines"}},
            "root": {"handlers": ["all"], "level": settings.log_level.upper()},
            "loggers": {name: {"level": "WARNING"} for name in TALKATIVE},
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    # A line that the disk does not take is dropped, without a traceback on the terminal for each.
    logging.raiseExceptions = False


def _rendering(in_json: bool) -> list[Any]:
    if in_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _handler(file: str) -> dict[str, Any]:
    if not file:
        return {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Fault("folder-not-writable", path=Path(file).parent, reason=reason, name=variable("log_file")) from error
    return {
        "class": "logging.handlers.RotatingFileHandler",
        "filename": file,
        "maxBytes": FILE_LIMIT_BYTES,
        "backupCount": OLDER_FILES,
        "encoding": "utf-8",
    }
