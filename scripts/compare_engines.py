#!/usr/bin/env python3
"""Builds projects on two targets and compares the content of every relation.

usage: scripts/compare_engines.py target/debug/transform [PROJECT ...] [--targets dev lake] [--builds 2]

Without projects: the sample at the root of the repository and every project under examples/, but for `two_engines`, whose models
belong to one target each. A project is copied into a
temporary folder, so that it starts from nothing, and built on both targets as often as --builds says: incremental models have to
agree after their first run and after later ones. Then every seed, model and snapshot is read through `transform show` on both
sides: columns by name, rows in any order. Numbers are compared as numbers, so that 1.50 equals 1.5; floats to 9 digits.

Columns that hold the time of the run differ: --except COLUMN leaves them out. Exit code 1 if anything differs.
"""

import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ONE_EACH = {"two_engines"}
KEPT_OUT = {".git", "target", "logs", "src", "scripts", "reference"}


def projects():
    yield ROOT
    yield from sorted(p.parent for p in (ROOT / "examples").glob("*/dbt_project.yml") if p.parent.name not in ONE_EACH)


def copied(project, folder):
    def left_out(directory, names):
        top = pathlib.Path(directory) == project
        return [n for n in names if (top and n in KEPT_OUT) or n.endswith((".duckdb", ".duckdb.wal", ".lake"))]

    return shutil.copytree(project, folder / project.name, ignore=left_out)


def run(binary, project, *words):
    done = subprocess.run([binary, *words], cwd=project, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(words)} in {project.name} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return done.stdout


def relations(binary, project, target):
    """Name of the relation -> SQL text of it, of everything that is stored."""
    lines = run(binary, project, "ls", "--quiet", "--output", "json", "--target", target,
                "--output-keys", "unique_id resource_type config alias schema database")
    for line in lines.splitlines():
        node = json.loads(line)
        if node["resource_type"] in ("model", "seed", "snapshot") and node["config"]["materialized"] != "ephemeral":
            yield node["unique_id"], '"' + '"."'.join((node["database"], node["schema"], node["alias"])) + '"'


def plain(value):
    """A value in a form that is the same for both engines."""
    if isinstance(value, bool) or value is None:
        return (str(type(value)), value)
    if isinstance(value, (int, float)):
        return ("number", f"{value:.9g}" if not (isinstance(value, float) and math.isnan(value)) else "nan")
    if isinstance(value, list):
        return ("list", tuple(plain(v) for v in value))
    if isinstance(value, dict):
        return ("struct", tuple((k, plain(v)) for k, v in sorted(value.items())))
    return ("text", value)


def rows(binary, project, target, relation, left_out):
    shown = run(binary, project, "show", "--quiet", "--output", "json", "--limit", "-1", "--target", target,
                "--inline", f"select * from {relation}")
    table = json.loads(shown)
    table = table["show"] if isinstance(table, dict) else table
    return sorted(repr(tuple((k, plain(v)) for k, v in sorted(row.items()) if k not in left_out)) for row in table)


def compare(binary, project, targets, builds, left_out):
    wrong = 0
    for number in range(1, builds + 1):
        for target in targets:
            run(binary, project, "build", "--quiet", "--target", target)
        both = [dict(relations(binary, project, target)) for target in targets]
        for name in sorted(set(both[0]) | set(both[1])):
            if name not in both[0] or name not in both[1]:
                wrong += 1
                print(f"  build {number}: {name} is on one target only")
                continue
            left, right = (rows(binary, project, t, of[name], left_out) for t, of in zip(targets, both))
            if left == right:
                print(f"  build {number}: {name}: {len(left)} rows")
                continue
            wrong += 1
            only = [[r for r in side if r not in set(other)] for side, other in ((left, right), (right, left))]
            print(f"  build {number}: {name}: DIFFERS: {len(left)} and {len(right)} rows")
            for target, examples in zip(targets, only):
                for row in examples[:3]:
                    print(f"    only on {target}: {row}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("projects", nargs="*", type=pathlib.Path)
    parser.add_argument("--targets", nargs=2, default=["dev", "lake"])
    parser.add_argument("--builds", type=int, default=2)
    parser.add_argument("--except", dest="left_out", action="append", default=[])
    given = parser.parse_args()
    binary, wrong = str(pathlib.Path(given.binary).resolve()), 0
    for project in given.projects or projects():
        print(project.resolve().relative_to(ROOT) if project.resolve().is_relative_to(ROOT) else project)
        with tempfile.TemporaryDirectory() as folder:
            copy = copied(project.resolve(), pathlib.Path(folder))
            wrong += compare(binary, copy, given.targets, given.builds, set(given.left_out))
    print("all equal" if not wrong else f"{wrong} relations differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
