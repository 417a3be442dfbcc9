#!/usr/bin/env python3
"""Builds the integration tests of dbt packages with dbt and with transform, and prints a table of what is the same.

usage: scripts/package_table.py CHECKOUTS --transform PATH --dbt PATH [--only NAME ...] [--details FILE]

CHECKOUTS is a folder with checkouts of packages. Of each, the integration project (`integration_tests`, else the package
itself) is copied, the packages that it lists are taken from the other checkouts (nothing is downloaded), and `build` runs in one
copy per program, each with a DuckDB file of its own.

dbt runs twice: what differs between its own two runs (times, ids, random values) is not counted. The columns of the table
* nodes: how many dbt has in run_results.json;
* results: nodes with the same status and the same number of failures;
* SQL: nodes whose compiled SQL is the same up to white space;
* relations: tables and views with the same kind, columns and rows.
`--details` gets every difference. Exit code 0 if there is none, 1 if there is one, 2 if a comparison could not be made.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import compare_with_dbt

PROJECT_FILE = "dbt_project.yml"
LISTS = ("packages.yml", "dependencies.yml", "package-lock.yml")
LEFT_OUT = {".git", ".github", "target", "logs", "dbt_packages", "docs", "images", "static"}


def key_of(folder: pathlib.Path, key: str) -> str:
    """A top-level text of a dbt_project.yml, read without a YAML library."""
    text = (folder / PROJECT_FILE).read_text(encoding="utf-8-sig")
    found = re.search(rf"^{key}:\s*[\"']?([^\"'\s#]+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def integration_project(checkout: pathlib.Path) -> pathlib.Path:
    """The folder of a checkout that is built."""
    for inside in ("integration_tests", "integration_tests/dbt_project", "integration_test", "."):
        if (checkout / inside / PROJECT_FILE).exists():
            return checkout / inside
    raise FileNotFoundError(f"{checkout} holds no {PROJECT_FILE}")


def listed(project: pathlib.Path) -> list[tuple[str, str]]:
    """Kind and address of each package that a project lists."""
    out = []
    for name in LISTS[:2]:
        if (project / name).exists():
            text = (project / name).read_text(encoding="utf-8-sig")
            out += re.findall(r"^\s*-\s*(package|local|git|tarball):\s*[\"']?([^\"'\s#]+)", text, re.MULTILINE)
    return out


class Packages:
    """Checkouts by project name."""

    def __init__(self, root: pathlib.Path):
        self.by_name = {key_of(c, "name"): c for c in sorted(root.iterdir()) if (c / PROJECT_FILE).exists()}

    def of(self, project: pathlib.Path, kind: str, address: str) -> pathlib.Path:
        """The folder of a listed package."""
        if kind == "local":
            return (project / address).resolve()
        last = address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").lower().replace("-", "_")
        for name in (last, last.removeprefix("dbt_"), f"dbt_{last}"):
            if name in self.by_name:
                return self.by_name[name]
        raise FileNotFoundError(f"{project} needs {address}, of which there is no checkout")

    def install(self, project: pathlib.Path, target: pathlib.Path) -> None:
        """Puts what a project lists, and what that lists, into a folder."""
        pending = [(project, *entry) for entry in listed(project)]
        while pending:
            folder = self.of(*pending.pop())
            place = target / key_of(folder, "name")
            if place.exists():
                continue
            copy(folder, place, {"integration_tests", "integration_tests_2", "integration_tests_sl", "integration_test"})
            pending += [(folder, *entry) for entry in listed(folder)]


def copy(source: pathlib.Path, target: pathlib.Path, left_out: set[str] = frozenset()) -> None:
    """Copies a project without its package lists, output and databases."""

    def ignore(folder: str, names: list[str]) -> set[str]:
        top = pathlib.Path(folder) == source
        return {n for n in names if n.endswith(".duckdb") or (top and (n in LEFT_OUT or n in left_out or n in LISTS))}

    shutil.copytree(source, target, ignore=ignore, symlinks=True)


def compiled(path: pathlib.Path) -> dict[str, str]:
    """Compiled SQL of each node, without white space."""
    found = json.loads(path.read_text())["results"] if path.exists() else []
    return {r["unique_id"]: "".join(r["compiled_code"].split()) for r in found if r.get("compiled_code")}


def build(program: str, project: pathlib.Path, python: pathlib.Path, words: list[str]) -> dict:
    """Runs a command and gathers what came out."""
    code = compare_with_dbt.run(program, project, words, False)
    target = project / (key_of(project, "target-path") or "target") / "run_results.json"
    held = compare_with_dbt.dump(python, project, "") if (project / "compare.duckdb").exists() else {}
    nodes = {k: list(v) for k, v in compare_with_dbt.results(target).items()}
    return {"exit": code, "results": nodes, "compiled": compiled(target), "relations": held}


def counted(what: str, first: dict, second: dict, ours: dict) -> tuple[int, int, list[str]]:
    """How many of dbt's things are the same, how many count, and the differences."""
    same, out = 0, []
    stable = {k for k in first.keys() | second.keys() if first.get(k) == second.get(k)}
    stable |= {k for k in ours if k not in first and k not in second}
    for name in sorted(stable):
        left, right = first.get(name), ours.get(name)
        if left == right:
            same += 1
        elif left is None or right is None:
            out.append(f"{what} {name}: only {'dbt' if right is None else 'transform'} has it")
        else:
            out.append(f"{what} {name}\n    dbt       {shown(left, right)}\n    transform {shown(right, left)}")
    return same, len(stable), out


def shown(value: object, other: object) -> str:
    """A value from where it begins to differ."""
    text, beside = (json.dumps(v, default=str, sort_keys=True) for v in (value, other))
    at = next((i for i, (a, b) in enumerate(zip(text, beside)) if a != b), min(len(text), len(beside)))
    return ("..." if at > 60 else "") + text[max(0, at - 60) : at + 240]


def compare(name: str, project: pathlib.Path, packages: Packages, options: argparse.Namespace) -> tuple[str, list[str]]:
    """A line of the table and the differences behind it."""
    profile = key_of(project, "profile") or key_of(project, "name")
    python = pathlib.Path(options.dbt).resolve().parent / "python"
    words = ["build", *(["--vars", options.vars] if options.vars else [])]
    sides = {}
    with tempfile.TemporaryDirectory(prefix="package_table_") as folder:
        # Each program builds at the same place, because paths come into compiled SQL and ids.
        place = pathlib.Path(folder) / "project"
        for side, program in (("dbt", options.dbt), ("again", options.dbt), ("ours", options.transform)):
            copy(project, place)
            packages.install(project, place / "dbt_packages")
            dev = {"type": "duckdb", "path": "compare.duckdb", "schema": "main", "threads": options.threads}
            profiles = {profile: {"target": "dev", "outputs": {"dev": dev}}}
            (place / "profiles.yml").write_text(json.dumps(profiles))
            sides[side] = build(str(pathlib.Path(program).absolute()), place, python, words)
            if options.keep:
                shutil.copytree(place, pathlib.Path(options.keep) / name / side, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(place)
    cells, found = [], []
    for what in ("results", "compiled", "relations"):
        same, total, differences = counted(what, *(sides[s][what] for s in ("dbt", "again", "ours")))
        cells.append(f"{same}/{total}")
        found += differences
    if sides["dbt"]["exit"] != sides["ours"]["exit"]:
        found.append(f"exit: dbt {sides['dbt']['exit']}, transform {sides['ours']['exit']}")
    nodes = sides["dbt"]["results"].values()
    statuses = {s: sum(1 for r in nodes if r[0] == s) for s in sorted({r[0] for r in nodes})}
    counts = ", ".join(f"{n} {s}" for s, n in statuses.items())
    return f"| {name} | {len(nodes)} ({counts}) | {' | '.join(cells)} | {len(found)} |", found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=pathlib.Path)
    parser.add_argument("--transform", required=True, help="the transform program")
    parser.add_argument("--dbt", required=True, help="the dbt program of an environment with dbt-duckdb")
    parser.add_argument("--only", nargs="*", default=[], help="names of checkouts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vars", default="")
    parser.add_argument("--details", type=pathlib.Path, help="a file for every difference")
    parser.add_argument("--keep", help="a folder for the built copies")
    options = parser.parse_args()
    packages = Packages(options.checkouts)
    print("| package | nodes | results | SQL | relations | differences |\n| --- | --- | --- | --- | --- | --- |")
    details, code = [], 0
    for checkout in sorted(p for p in options.checkouts.iterdir() if p.is_dir()):
        if options.only and checkout.name not in options.only:
            continue
        try:
            line, found = compare(checkout.name, integration_project(checkout), packages, options)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
            line, found, code = f"| {checkout.name} | {problem} | | | | |", [], 2
        print(line, flush=True)
        details += [f"{checkout.name}: {difference}" for difference in found]
        if options.details:
            options.details.write_text("".join(f"{d}\n" for d in details))
    return code or (1 if details else 0)


if __name__ == "__main__":
    sys.exit(main())
