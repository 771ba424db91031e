"""The command ``hearing``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from .. import config
from ..terminal import Terminal
from ..words import FAULT_CODE, Fault, locale_of

#: Exit codes: done; the answer is no (a record does not verify, a check failed); something to mend first.
OK, NO, FAULT = 0, 1, FAULT_CODE

Command = Callable[[argparse.Namespace, Terminal], int]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    terminal = Terminal(locale_of(), as_json=getattr(options, "json", False))
    command: Command = options.command
    try:
        return command(options, terminal)
    except Fault as fault:
        terminal.fault(fault)
        return FAULT
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hearing",
        description="Hold, record, archive and retrieve court hearings. Settings are HEARING_* variables or one TOML "
        "file named by HEARING_CONFIG; docs/settings.md lists them.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="start everything on this computer and print the links of a demo hearing")
    _json(demo, "print one JSON object with the links when ready")
    demo.add_argument("--data", metavar="FOLDER", help="where data is kept (HEARING_DATA)")
    demo.add_argument("--http-port", type=int, metavar="PORT", help="for this computer (HEARING_HTTP_PORT)")
    demo.add_argument("--https-port", type=int, metavar="PORT", help="for phones (HEARING_HTTPS_PORT)")
    demo.add_argument("--media-port", type=int, metavar="PORT", help="for sound and picture (HEARING_MEDIA_PORT)")
    demo.add_argument("--no-browser", action="store_true", help="do not open the judge's link in a browser")
    demo.set_defaults(command=_demo)

    serve = commands.add_parser("serve", help="run control: pages, API, sockets and the law of the room")
    serve.add_argument("--all", action="store_true", help="run a media worker and a recorder too")
    _json(serve, "print one JSON object with the addresses when ready")
    serve.set_defaults(command=_serve)

    worker = commands.add_parser("media-worker", help="run a media worker: forwards and captures sound and picture")
    worker.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    worker.set_defaults(command=_media_worker)

    recorder = commands.add_parser(
        "recorder", help="run a recorder: archives, seals and derives from what was captured"
    )
    recorder.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    recorder.set_defaults(command=_recorder)

    verify = commands.add_parser("verify", help="check a record: every byte, the chain, the manifest, the signature")
    verify.add_argument(
        "record", help="a folder, ZIP file or s3://… address that holds one record, or the archive of many"
    )
    verify.add_argument("--sitting", metavar="ID", help="which record, if there are several")
    verify.add_argument("--public-key", metavar="FILE", help="the public key that must have signed it")
    verify.add_argument("--authority", metavar="FILE", help="root certificates of trusted time-stamp authorities, PEM")
    verify.add_argument("--cosigner", metavar="KEY", action="append", help="a trusted cosigner of the court's log")
    _json(verify, "print the report as one JSON object")
    verify.set_defaults(command=_verify)

    log = commands.add_parser("log", help="the court's transparency log: its newest head, and what it grew from")
    log.add_argument("since", nargs="?", metavar="FILE", help="a head kept earlier: prove that the log begins with it")
    _json(log, "print one JSON object")
    log.set_defaults(command=_log)

    cosigner = commands.add_parser(
        "cosigner", help="watch the logs of other courts: cosign their heads if they only grow"
    )
    cosigner.add_argument("--name", required=True, help="this cosigner's public name, such as bar.example/cosigner")
    cosigner.add_argument("--folder", required=True, help="where its key and the newest heads are kept")
    cosigner.add_argument(
        "--log", required=True, action="append", metavar="KEY", help="a log's key, as hearing log says"
    )
    cosigner.add_argument("--address", default="127.0.0.1", help="where it listens; put a proxy with TLS in front")
    cosigner.add_argument("--port", type=int, default=8090)
    _json(cosigner, "print its key and address as one JSON object when ready")
    cosigner.set_defaults(command=_cosigner)

    export = commands.add_parser("export", help="write a record into a folder, verifiable")
    export.add_argument("sitting", metavar="id", help="the sitting's id")
    export.add_argument("folder", help="a new folder")
    export.add_argument(
        "--for",
        dest="audience",
        choices=("court", "outside"),
        help="leave out what is withheld from the court's own people (sealed), or from parties and public "
        "(confidential too), with the court's signed statement on it; without it everything is written",
    )
    _json(export, "print what was written as one JSON object")
    export.set_defaults(command=_export)

    archive = commands.add_parser("archive", help="the archive of records: compare it with the database")
    kept = archive.add_subparsers(required=True, metavar="action")
    reconcile = kept.add_parser("reconcile", help="compare storage, manifests and database; each can be made anew")
    reconcile.add_argument("--repair", action="store_true", help="set right what can be; nothing is ever deleted")
    reconcile.add_argument("--deep", action="store_true", help="read every byte and compare its hash, too")
    _json(reconcile, "print what was found as one JSON object")
    reconcile.set_defaults(command=_archive_reconcile)
    _record_parser(commands.add_parser("record", help="encrypted records: open one with an escrow identity"))
    _account_parser(commands.add_parser("account", help="staff accounts: add, list, disable"))

    doctor = commands.add_parser("doctor", help="check that this computer and the settings can hold a hearing")
    _json(doctor, "print the findings as one JSON object")
    doctor.add_argument(
        "--record", action="store_true", help="also test the recording on each worker of a running court"
    )
    doctor.set_defaults(command=_doctor)
    return parser


def _record_parser(record: argparse.ArgumentParser) -> None:
    actions = record.add_subparsers(required=True, metavar="action")
    opened = actions.add_parser("open", help="write an encrypted record, opened and verifiable, into a folder")
    opened.add_argument("archive", help="the archive: a folder or an s3://… address")
    opened.add_argument("sitting", metavar="id", help="the sitting's id")
    opened.add_argument("folder", help="a new folder")
    opened.add_argument("--identity", required=True, metavar="FILE", help="an age identity that it was encrypted for")
    opened.add_argument("--public-key", metavar="FILE", help="the court's public key, to be enclosed")
    _json(opened, "print what was written as one JSON object")
    opened.set_defaults(command=_record_open)
    identity = actions.add_parser("identity", help="make an age identity for an escrow holder, as age-keygen does")
    identity.add_argument("file", help="a new file, which is the holder's secret")
    _json(identity, "print the recipient as one JSON object")
    identity.set_defaults(command=_record_identity)


def _account_parser(account: argparse.ArgumentParser) -> None:
    actions = account.add_subparsers(required=True, metavar="action")
    add = actions.add_parser("add", help="a new account; the password is asked for, or read from standard input")
    add.add_argument("user", help="the user name")
    add.add_argument("--name", help="the person's name (default: the user name)")
    add.add_argument("--name-zh", metavar="NAME", help="the person's name in Chinese (default: the same)")
    add.add_argument("--court", required=True, metavar="ID", help="the court's id, such as northgate")
    roles = ("judge", "staff_host", "clerk", "technician", "records_custodian", "auditor", "administrator")
    add.add_argument("--role", required=True, action="append", choices=roles, help="may be given several times")
    add.add_argument("--provider", metavar="ID", help="signs in at this identity provider, without a password here")
    add.add_argument("--subject", metavar="TEXT", help="the provider's name for the person")
    add.add_argument("--court-name", metavar="NAME", help="make the court, if it is new")
    add.add_argument("--court-name-zh", metavar="NAME", help="the new court's name in Chinese")
    add.add_argument("--help-phone", metavar="NUMBER", default="", help="the new court's telephone number for help")
    add.add_argument("--time-zone", metavar="ZONE", default="UTC", help="of the new court, such as Asia/Shanghai")
    add.add_argument("--profile", choices=("england", "china"), default="england", help="the new court's rules")
    _json(add, "print the account as one JSON object")
    add.set_defaults(command=_account_add)
    listed = actions.add_parser("list", help="all accounts with their roles")
    _json(listed, "print them as one JSON list")
    listed.set_defaults(command=_account_list)
    disable = actions.add_parser("disable", help="nobody signs in with it any more; its sessions end")
    disable.add_argument("user", help="the user name")
    disable.set_defaults(command=_account_disable)


def _json(parser: argparse.ArgumentParser, help_text: str) -> None:
    parser.add_argument("--json", action="store_true", help=help_text)


# Each command imports what it needs when it runs, so that --help and a wrong argument answer at once.


def _demo(options: argparse.Namespace, terminal: Terminal) -> int:
    from .. import demo

    changes = {
        config.variable(name): str(value)
        for name in ("data", "http_port", "https_port", "media_port")
        if (value := getattr(options, name)) is not None
    }
    return demo.main(changes, terminal, open_browser=not (options.no_browser or options.json))


def _serve(options: argparse.Namespace, terminal: Terminal) -> int:
    from ..processes import serve

    return serve.main(config.load(), terminal, with_children=options.all)


def _media_worker(options: argparse.Namespace, terminal: Terminal) -> int:
    from ..processes import media_worker

    return media_worker.main(config.load(), supervised=options.supervised)


def _recorder(options: argparse.Namespace, terminal: Terminal) -> int:
    from ..processes import recorder

    return recorder.main(config.load(), supervised=options.supervised)


def _verify(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import archive

    return archive.verify(options, terminal)


def _log(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import archive

    return archive.transparency_log(options, terminal)


def _cosigner(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import cosigner

    return cosigner.serve(options, terminal)


def _export(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import export

    return export.main(options, terminal)


def _archive_reconcile(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import reconcile

    return reconcile.main(options, terminal)


def _record_open(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import archive

    return archive.open_record(options, terminal)


def _record_identity(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import archive

    return archive.make_identity(options, terminal)


def _account_add(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import account

    return account.add(options, terminal)


def _account_list(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import account

    return account.list_(options, terminal)


def _account_disable(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import account

    return account.disable(options, terminal)


def _doctor(options: argparse.Namespace, terminal: Terminal) -> int:
    from . import doctor

    return doctor.main(config.load(), terminal, record=options.record)
