"""`python -m benchmarks [NAME…] [--json FILE] [--quick]`: the same as `gridgis bench`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import outage
from benchmarks.pairing import Row, run

ROUNDS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks whose name starts with one of the names given; 1 when answers differ."""
    parser = argparse.ArgumentParser(prog="gridgis bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only benchmarks that begin so")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON as well")
    parser.add_argument("--quick", action="store_true", help="less work and fewer rounds, to try it out")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for contest in outage.contests(quick=options.quick):
        if options.names and not any(contest.name.startswith(name) for name in options.names):
            continue
        rows.append(
            run(
                contest,
                rounds=3 if options.quick else ROUNDS,
                progress=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    if not rows:
        print(f"no benchmark begins with {' or '.join(options.names)}", file=sys.stderr)
        return 2
    for row in rows:
        verdict = "" if row.met is None else f", goal {row.goal:g}: {'met' if row.met else 'not met'}"
        print(f"{row.name}: {row.work}")
        print(f"  ours {row.ours:.3g} {row.unit}, {row.peer} {row.theirs:.3g} {row.unit}")
        print(f"  ratio {row.ratio:.1f}{verdict}; answers {'equal' if row.answers_equal else 'DIFFER'}")
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    return 0 if all(row.answers_equal for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
