"""`token`: a signed token for some counties of the map layers; meets no database."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from gis_service.errors import InvalidInput
from gis_service.map_key import KEY_FILE_VARIABLE, KEY_VARIABLE, map_key

LONGEST_DAYS = 3660


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `token`."""
    token = commands.add_parser("token", help="make a token that shows some counties of the map layers")
    token.add_argument(
        "--counties",
        required=True,
        metavar="CODES",
        help="county codes with commas between; * for every county",
    )
    token.add_argument(
        "--days", type=int, required=True, metavar="N", help=f"how long it holds, 1 to {LONGEST_DAYS}"
    )
    token.set_defaults(run=run_token)


def run_token(arguments: argparse.Namespace) -> None:
    """Print the token, and nothing else."""
    from layers.scope import ALL, write_token

    key = map_key()
    if key is None:
        raise InvalidInput(f"no key is set: set {KEY_VARIABLE} or {KEY_FILE_VARIABLE} as the engine has it")
    if not 1 <= arguments.days <= LONGEST_DAYS:
        raise InvalidInput(f"--days is a number from 1 to {LONGEST_DAYS}, not {arguments.days}")
    codes = [one.strip() for one in arguments.counties.split(",")]
    wrong = [one for one in codes if one != ALL and (not 2 <= len(one) <= 12 or " " in one)]
    if wrong or (ALL in codes and len(codes) > 1):
        raise InvalidInput(
            f"--counties: {', '.join(map(repr, wrong)) or ALL!r}: give county codes with commas between, "
            f"or {ALL!r} alone for every county"
        )
    until = datetime.now(UTC) + timedelta(days=arguments.days)
    print(write_token(key, None if codes == [ALL] else codes, until))
