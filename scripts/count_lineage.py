#!/usr/bin/env python3
"""Checks whole projects and counts what is known of their columns.

    python3 scripts/count_lineage.py [--bin target/debug/transform] [--build] [--profiles-dir ../profiles] PROJECT_DIR ...

For each project: how many models, snapshots and tests the engine's binder accepts, of how many the column lineage is exact or
approximate and why, which cannot be checked and why, and which are refused. `--build` builds first: templates that ask the
warehouse find something then. A project needs its packages (`deps`) and a profile; a missing profiles.yml means the embedded
database.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("projects", nargs="+")
ap.add_argument("--bin", default="target/debug/transform")
ap.add_argument("--build", action="store_true")
ap.add_argument("--profiles-dir", help="folder of profiles.yml, relative to each project")
ap.add_argument("--vars", help="variables for every project, as YAML")
ap.add_argument("--reasons", type=int, default=6, help="how many reasons of each kind to show")
args = ap.parse_args()
program = str(pathlib.Path(args.bin).resolve())


def run(project, *words):
    more = ["--profiles-dir", args.profiles_dir] if args.profiles_dir else []
    more += ["--vars", args.vars] if args.vars else []
    return subprocess.run([program, *words, *more], cwd=project, capture_output=True, text=True)


def reason(text):
    """Without the names in it, so that equal causes count together."""
    text = (text or "").splitlines()[0] if text else ""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "...", text)[:110]


print(f"{'project':<24}{'nodes':>7}{'good':>7}{'exact':>7}{'approx':>8}{'unchecked':>11}{'refused':>9}")
every = collections.defaultdict(collections.Counter)
for project in args.projects:
    project = pathlib.Path(project).resolve()
    name = project.name if project.name != "tree" else project.parent.name
    if args.build:
        run(project, "build", "--quiet")
    done = run(project, "check", "--output", "json", "--quiet", "--no-write-json")
    try:
        results = json.loads(done.stdout)["results"]
    except ValueError:
        print(f"{name:<24} cannot be read: {(done.stderr or done.stdout).strip().splitlines()[:3]}")
        continue
    counts = collections.Counter(result["status"] for result in results)
    approximate = [r for r in results if r["status"] == "good" and "approximate_lineage" in r]
    print(f"{name:<24}{len(results):>7}{counts['good']:>7}{counts['good'] - len(approximate):>7}"
          f"{len(approximate):>8}{counts['not checkable']:>11}{counts['failed']:>9}")
    for result in approximate:
        every["approximate"][reason(result["approximate_lineage"])] += 1
    for result in results:
        if result["status"] in ("not checkable", "failed"):
            every[result["status"]][reason(result.get("message"))] += 1
for kind, reasons in every.items():
    print(f"\n{kind}:")
    for text, count in reasons.most_common(args.reasons):
        print(f"{count:>6}  {text}")
