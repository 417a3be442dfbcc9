#!/usr/bin/env python3
"""Times what a node costs beyond the database's own work: views that do nothing, against the same statements by hand.

usage: scripts/bench_overhead.py --bin PATH [--views 500] [--rounds 2]

Both sides run with one thread on a file that has the views already, each in a process of its own, in turns (A B A B); the best
times count. By hand means: a Python process opens the file, and for each view begins, makes the new view, drops the old one,
renames, writes a row into a table of runs, commits. What the program needs to start, to read the project and to end is measured
by a run of one view and taken off both sides alike. Exit code 1 if a view costs more than 3 ms beyond.

It also counts the statements that the program sends for a view. The Python module `duckdb` has to be of the version that the
binary links. Commits wait for the disk: on a busy machine look at the processor times.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

GOAL = 3.0


def by_hand(path: str, views: int) -> None:
    """The statements, in a process of their own."""
    import duckdb

    with duckdb.connect(path, config={"threads": 1}) as connection:
        for i in range(views):
            for sql in (
                "begin",
                f'create view "main"."v{i}__dbt_tmp" as (select {i} as id, \'a\' as name)',
                f'drop view if exists "main"."v{i}" cascade',
                f'alter view "main"."v{i}__dbt_tmp" rename to "v{i}"',
                f"insert into runs values ('model.bench.v{i}', 'main.v{i}', 'model', 'abcdef', now()::timestamp, 'success')",
                "commit",
            ):
                connection.execute(sql)


def timed(command: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds of a process that has to succeed: on the clock, and of the processors."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    elapsed, after = time.perf_counter() - started, os.times()
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return elapsed, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--views", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--by-hand", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        by_hand(options.by_hand, options.views)
        return 0
    if not options.bin:
        parser.error("--bin is needed")
    import duckdb

    with tempfile.TemporaryDirectory() as home:
        project = pathlib.Path(home, "project")
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
        (project / "profiles.yml").write_text(
            "bench: {outputs: {dev: {type: duckdb, path: run.duckdb, threads: 1, settings: {threads: 1}}}, target: dev}\n")
        for i in range(options.views):
            (project / "models" / f"v{i}.sql").write_text(f"select {i} as id, 'a' as name\n")
        program = [str(options.bin.resolve()), "run", "--quiet"]
        timed(program, project)
        origin, file = pathlib.Path(home, "origin.duckdb"), project / "run.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute("create table runs (node varchar, relation varchar, kind varchar, hash varchar, finished timestamp, status varchar)")
        shutil.copyfile(file, origin)
        hand = [sys.executable, os.path.abspath(__file__), "--by-hand", str(file), "--views"]
        sides = {
            "transform": [*program], "by hand": [*hand, str(options.views)],
            "transform, one view": [*program, "--select", "v0"], "by hand, one view": [*hand, "1"],
        }
        best: dict[str, tuple[float, float]] = {}
        for number in range(options.rounds):
            for name, command in sides.items():
                shutil.copyfile(origin, file)
                if name == "transform":
                    shutil.rmtree(project / "logs", ignore_errors=True)
                times = timed(command, project)
                if name == "transform":
                    log = (project / "logs" / "dbt.log").read_text()
                print(f"round {number + 1}  {name:<20} {times[0]:6.2f} s, processors {times[1]:6.2f} s", flush=True)
                best[name] = tuple(map(min, times, best.get(name, times)))
    sent = re.findall(r"On model\.bench\.v1:(?: /\*.*?\*/)?\s*(\w+ ?\w*)", log)
    print(f"statements for a view: {len(sent)} ({', '.join(sent)})")
    beyond = []
    for what, index in (("on the clock", 0), ("of processors", 1)):
        own = best["transform"][index] - best["transform, one view"][index]
        database = best["by hand"][index] - best["by hand, one view"][index]
        beyond.append((own - database) / (options.views - 1) * 1000)
        print(f"a view costs {own / (options.views - 1) * 1000:.2f} ms {what}, {beyond[-1]:.2f} ms beyond the statements by hand (goal {GOAL:.0f} ms)")
    return 0 if beyond[0] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
