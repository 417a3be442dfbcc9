#!/usr/bin/env python3
"""Builds a project with dbt and with transform, and compares what came out.

usage: scripts/compare_with_dbt.py --bin PATH --project DIR [--command "build --vars '{a: 1}'"] [--runs 2] [--ignore-column REGEX]

Copies the project twice, runs the commands in each copy against a fresh DuckDB file, and compares
* the exit code of every run;
* the nodes of run_results.json: which there are, their status, and how many failures a test counted;
* every table and view: name, kind, columns with their types, and rows regardless of their order.
Prints each difference. Exit code 0 if there is none, 1 if there is one, 2 if the comparison could not be made.

With --runs 2 (the default) the commands run twice, so that incremental models and snapshots take their second path.
Columns that hold the time of the run differ by nature: name them with --ignore-column, a regular expression searched in
`schema.table.column`. dbt is installed into target/compare_with_dbt on first use.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv

PACKAGES = ["dbt-core==1.11.16", "dbt-duckdb==1.10.1", "duckdb==2.0.0"]
ROOT = pathlib.Path(__file__).resolve().parent.parent
LEFT_OUT = {"target", "logs", ".git", ".venv", "profiles.yml"}
SHOWN_ROWS = 5


def ensure_dbt(folder: pathlib.Path) -> pathlib.Path:
    """The folder with the programs of an environment that has dbt."""
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    stamp = folder / "installed.txt"
    wanted = "\n".join(PACKAGES)
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(programs / "python"), "-m", "pip", "install", "-q", *PACKAGES], check=True)
        stamp.write_text(wanted)
    return programs


def project_facts(project: pathlib.Path) -> tuple[str, str]:
    """Name of the project's profile and its output folder, read without a YAML library."""
    text = (project / "dbt_project.yml").read_text(encoding="utf-8-sig")

    def value(key: str, default: str) -> str:
        found = re.search(rf"^{key}:\s*[\"']?([^\"'\s#]+)", text, re.MULTILINE)
        return found.group(1) if found else default

    return value("profile", value("name", "default")), value("target-path", "target")


def copy_project(project: pathlib.Path, target: pathlib.Path, profile: str, threads: int) -> None:
    """A copy with a profile of its own. Output and database files stay behind."""

    def ignore(folder: str, names: list[str]) -> set[str]:
        top = pathlib.Path(folder) == project
        return {n for n in names if n.endswith((".duckdb", ".duckdb.wal")) or (top and n in LEFT_OUT)}

    shutil.copytree(project, target, ignore=ignore, symlinks=True)
    dev = {"type": "duckdb", "path": "compare.duckdb", "schema": "main", "threads": threads}
    (target / "profiles.yml").write_text(json.dumps({profile: {"target": "dev", "outputs": {"dev": dev}}}))


def run(program: str, folder: pathlib.Path, words: list[str], verbose: bool) -> int:
    """Runs a command in a copy; its output is shown if wanted."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DBT_")}
    environment.update(DBT_PROFILES_DIR=str(folder), DBT_SEND_ANONYMOUS_USAGE_STATS="0", TZ="UTC")
    done = subprocess.run([program, *words], cwd=folder, env=environment, capture_output=True, text=True, errors="replace")
    if verbose:
        print(f"--- {program} {shlex.join(words)}\n{done.stdout}{done.stderr}")
    return done.returncode


def results(path: pathlib.Path) -> dict[str, tuple]:
    """What run_results.json says of each node."""
    if not path.exists():
        return {}
    return {
        r["unique_id"]: (r["status"], r.get("failures") if r["unique_id"].startswith("test.") else None)
        for r in json.loads(path.read_text())["results"]
    }


def relations(path: pathlib.Path, ignored: re.Pattern | None) -> dict[str, dict]:
    """Every relation of a database: kind, columns, rows. Called in the environment that has DuckDB."""
    import duckdb

    database = duckdb.connect(str(path), read_only=True)
    found = {}
    listed = database.execute(
        "select table_schema, table_name, table_type from information_schema.tables "
        "where table_catalog = current_database() and table_schema not in ('information_schema', '_transform')"
    ).fetchall()
    for schema, name, kind in listed:
        full = f"{schema}.{name}"
        columns = database.execute(
            "select column_name, data_type, is_nullable from information_schema.columns where table_catalog = current_database() "
            "and table_schema = ? and table_name = ? order by ordinal_position",
            [schema, name],
        ).fetchall()
        kept = [c[0] for c in columns if not (ignored and ignored.search(f"{full}.{c[0]}"))]
        quoted = ", ".join('"' + c.replace('"', '""') + '"' for c in kept) or "1"
        table = '"' + schema.replace('"', '""') + '"."' + name.replace('"', '""') + '"'
        try:
            rows = [repr(row) for row in database.execute(f"select {quoted} from {table}").fetchall()]
        except duckdb.Error as problem:
            rows = [f"cannot be read: {problem}"]
        found[full] = {"kind": kind, "columns": columns, "rows": sorted(rows)}
    return found


def dump(interpreter: pathlib.Path, folder: pathlib.Path, ignored: str) -> dict[str, dict]:
    """`relations`, in dbt's environment and in the copy, so that views of files find their files."""
    words = [str(interpreter), str(pathlib.Path(__file__).resolve()), "--dump", "compare.duckdb", "--ignore-column", ignored]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the database in {folder} cannot be read:\n{done.stderr}")
    return json.loads(done.stdout)


def compare_keyed(what: str, dbt: dict, ours: dict) -> tuple[list[str], list[str]]:
    """Differences of the keys, and the keys of both."""
    out = [f"{what} {key}: only dbt has it" for key in sorted(dbt.keys() - ours.keys())]
    out += [f"{what} {key}: only transform has it" for key in sorted(ours.keys() - dbt.keys())]
    return out, sorted(dbt.keys() & ours.keys())


def compare_relations(dbt: dict[str, dict], ours: dict[str, dict]) -> list[str]:
    out, both = compare_keyed("relation", dbt, ours)
    for name in both:
        for aspect in ("kind", "columns"):
            if dbt[name][aspect] != ours[name][aspect]:
                out.append(f"relation {name}: {aspect}\n    dbt       {dbt[name][aspect]}\n    transform {ours[name][aspect]}")
        left, right = (collections.Counter(side[name]["rows"]) for side in (dbt, ours))
        for label, extra in (("dbt", left - right), ("transform", right - left)):
            rows = list(extra.elements())
            if rows:
                shown = "".join(f"\n    {row}" for row in rows[:SHOWN_ROWS])
                out.append(f"relation {name}: {len(rows)} of {len(dbt[name]['rows'])} rows only in {label}{shown}")
    return out


def compare_results(dbt: dict[str, tuple], ours: dict[str, tuple]) -> list[str]:
    out, both = compare_keyed("node", dbt, ours)
    out += [f"node {n}: dbt says {dbt[n]}, transform {ours[n]}" for n in both if dbt[n] != ours[n]]
    return out


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", help="the transform program")
    parser.add_argument("--project", help="folder with a dbt_project.yml")
    parser.add_argument("--command", action="append", help="command line without the program, as often as there are commands (default: build)")
    parser.add_argument("--runs", type=int, default=2, help="how often the commands run (default: 2)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ignore-column", default="", metavar="REGEX", help="columns whose values are not compared")
    parser.add_argument("--venv", default=str(ROOT / "target" / "compare_with_dbt"), help="where dbt is or will be installed")
    parser.add_argument("--keep", action="store_true", help="keep the two copies and say where they are")
    parser.add_argument("--verbose", action="store_true", help="show the output of every command")
    parser.add_argument("--dump", help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(options: argparse.Namespace, work: pathlib.Path) -> list[str]:
    project = pathlib.Path(options.project).resolve()
    profile, output = project_facts(project)
    programs = ensure_dbt(pathlib.Path(options.venv))
    found = []
    sides = {"dbt": str(programs / "dbt"), "transform": str(pathlib.Path(options.bin).resolve())}
    for side in sides:
        copy_project(project, work / side, profile, options.threads)
    commands = [shlex.split(c) for c in options.command or ["build"]]
    for number, words in enumerate(commands * options.runs, start=1):
        codes = {side: run(program, work / side, words, options.verbose) for side, program in sides.items()}
        if codes["dbt"] != codes["transform"]:
            found.append(f"run {number}: dbt exits with {codes['dbt']}, transform with {codes['transform']}")
        nodes = {side: results(work / side / output / "run_results.json") for side in sides}
        found += [f"run {number}: {line}" for line in compare_results(nodes["dbt"], nodes["transform"])]
        held = {side: {} for side in sides}
        for side in sides:
            if (work / side / "compare.duckdb").exists():
                held[side] = dump(programs / "python", work / side, options.ignore_column)
        found += [f"run {number}: {line}" for line in compare_relations(held["dbt"], held["transform"])]
        print(f"run {number}: {len(nodes['dbt'])} nodes and {len(held['dbt'])} relations of dbt compared", file=sys.stderr)
    return found


def main() -> int:
    options = arguments()
    if options.dump:
        ignored = re.compile(options.ignore_column) if options.ignore_column else None
        print(json.dumps(relations(pathlib.Path(options.dump), ignored), default=str))
        return 0
    if not options.bin or not options.project:
        print("--bin and --project are needed", file=sys.stderr)
        return 2
    work = pathlib.Path(tempfile.mkdtemp(prefix="compare_with_dbt_"))
    try:
        found = compare(options, work)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
        print(problem, file=sys.stderr)
        return 2
    finally:
        if options.keep:
            print(f"the copies are in {work}", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)
    for line in found:
        print(line)
    print(f"{len(found)} differences", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
