"""`python -m api migrate`, `serve`, `settle` and `reconcile`: the business API's own process.

Assigns `DJANGO_SETTINGS_MODULE` (never inherits it: the engine has other settings). Exit code 2 with one line
on stderr for a wrong setting.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "api.settings"
    parser = argparse.ArgumentParser(prog="python -m api", description="The business API and its web map.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="create or update the tables of the business database")
    serve = commands.add_parser("serve", help="serve the API at /api/v1 and the map at /")
    serve.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    serve.add_argument("--port", type=_port, default=8000, help="default %(default)s")
    serve.add_argument(
        "--threads", type=int, default=8, help="requests answered at once, default %(default)s"
    )
    commands.add_parser(
        "settle", help="settle connection applications of which the engine did or did not do what was decided"
    )
    reconcile = commands.add_parser(
        "reconcile",
        help="say what the business database and the engine have differently about reservations",
        description="After one of the two databases was restored: a sentence for each difference. Exit code "
        "1 where one is left.",
    )
    reconcile.add_argument("--mend", action="store_true", help="mend what repeats a decision on record")
    reconcile.add_argument(
        "--by", metavar="NAME", default="", help="who has it mended: stands in the history"
    )
    makemigrations = commands.add_parser(
        "makemigrations", help="write a migration after a change of the models"
    )
    makemigrations.add_argument("--check", action="store_true", help="only say whether one is missing")
    asked = parser.parse_args(arguments)
    try:
        return _run(asked)
    except ImproperlyConfigured as error:
        print(f"python -m api {asked.command}: {error}", file=sys.stderr)
        return 2
    except OperationalError as error:
        cause = " ".join(str(error).split())
        print(
            f"python -m api {asked.command}: the business database does not answer: {cause}", file=sys.stderr
        )
        return 2


def _run(asked: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command

    django.setup()
    if asked.command == "migrate":
        call_command("migrate", interactive=False, verbosity=1)
    elif asked.command == "makemigrations":
        try:
            call_command("makemigrations", "api", check_changes=asked.check, dry_run=asked.check)
        except SystemExit as stop:
            return int(stop.code or 0)
    elif asked.command == "settle":
        return _settle()
    elif asked.command == "reconcile":
        return _reconcile(mend=asked.mend, by=asked.by.strip())
    else:
        return _serve(host=asked.host, port=asked.port, threads=asked.threads)
    return 0


def _settle() -> int:
    """A line for each application; 1 where the engine does not say what it did."""
    from django.utils import timezone

    from api import application_settling
    from api.engine import engine
    from api.engine_client import EngineError, EngineRefused

    numbers = application_settling.unsettled()
    if not numbers:
        print("nothing to settle")
    left = 0
    for number in numbers:
        try:
            settled = application_settling.settle(number=number, engine=engine(), now=timezone.now())
            print(f"application {number}: {settled.status}")
        except EngineRefused as error:
            print(f"application {number}: the engine refuses: {error.detail}")
        except EngineError as error:
            left += 1
            print(f"application {number}: not settled: {error.detail}", file=sys.stderr)
    return 1 if left else 0


def _reconcile(*, mend: bool, by: str) -> int:
    """A line for each difference; 1 where one is left, 2 where it cannot be looked for."""
    from django.utils import timezone

    from api import reconciling
    from api.engine import engine
    from api.engine_client import EngineError

    if mend and not by:
        print("python -m api reconcile: --mend goes into the history: say --by NAME", file=sys.stderr)
        return 2
    left = 0
    try:
        found = reconciling.differences(engine())
        if not found:
            print("both databases say the same")
        if not mend:
            for one in found:
                print(one)
            return int(bool(found))
        for one, why in reconciling.mend(engine(), found, by=by, now=timezone.now()):
            left += bool(why)
            print(f"{one.sentence}: {f'not mended: {why}' if why else 'mended'}")
    except EngineError as error:
        print(f"python -m api reconcile: {error.detail}", file=sys.stderr)
        return 1
    return int(bool(left))


def _serve(*, host: str, port: int, threads: int) -> int:
    from django.conf import settings

    from api.wsgi import application
    from serving.server import CannotListen, Service, listen, serve

    try:
        listening = listen(host, port)
    except CannotListen as error:
        print(f"python -m api serve: {error}: choose another with --port", file=sys.stderr)
        return 2
    shown = f"[{host}]" if ":" in host else host
    print(f"business API and map: http://{shown}:{port}", flush=True)
    most_body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    serve(Service(application=application, threads=threads, most_body=most_body), listening)
    return 0


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: write a number from 1 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
