"""`python -m soak [CAMPAIGN…] [--rounds N] [--seed S]`: exit 1 at a violation, naming the seed."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time

from sharding.local import ClusterError
from sharding.pg_programs import NoServerPrograms
from soak.campaign import Result, run_campaign
from soak.catalogue import CAMPAIGNS
from soak.surroundings import citus_is_installed, surroundings


def main() -> int:
    """Run the campaigns that were asked for, all where none was named."""
    parser = argparse.ArgumentParser(
        prog="make soak", description="Kill things at random moments, and look whether anything was lost."
    )
    about = "; ".join(f"{one.name}: {one.about} ({one.rounds} rounds)" for one in CAMPAIGNS.values())
    parser.add_argument(
        "campaigns", nargs="*", metavar="CAMPAIGN", help=f"{about}. Default: all, one after another."
    )
    parser.add_argument("--rounds", type=int, help="rounds of each campaign instead of its own number")
    parser.add_argument(
        "--customers", type=int, default=1_000_000, help="of the province of growth (default 1,000,000)"
    )
    parser.add_argument("--seed", type=int, help="repeats the moments of a run; default: a new one")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.campaigns if name not in CAMPAIGNS]
    if unknown:
        parser.error(f"there is no campaign {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}")
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # ignored where a shell started us behind itself, and then by every command that a campaign interrupts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    results: list[Result] = []
    try:
        with surroundings(arguments.customers) as here:
            for name in arguments.campaigns or CAMPAIGNS:
                campaign = CAMPAIGNS[name]
                if not arguments.campaigns and not citus_is_installed() and campaign.citus:
                    print(f"{name} is left out: the Citus extension is not installed", flush=True)
                    continue
                rounds = campaign.rounds if arguments.rounds is None else arguments.rounds
                results.append(run_campaign(campaign, here, rounds=rounds, seed=seed))
    except (ClusterError, NoServerPrograms, PermissionError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    print(f"\n=== {time.monotonic() - began:.0f} s")
    for result in results:
        print(result)
    return int(any(result.violation for result in results))


if __name__ == "__main__":
    sys.exit(main())
