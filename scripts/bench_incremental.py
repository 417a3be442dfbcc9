#!/usr/bin/env python3
"""Times an incremental merge against the same statements sent to DuckDB by hand.

usage: scripts/bench_incremental.py --bin PATH [--rows 10000000] [--rounds 2] [--strategy merge|delete+insert]

A table of ROWS rows takes a batch of 1 % changed and 1 % new rows. Both sides start from a copy of one database file and end
with it closed, each in a process of its own: `transform run`, and a Python process that opens the file, begins, stages the
batch in a temporary table, merges, commits. The sides take turns (A B A B), the best time of each counts; both tables must
be equal in the end. A commit of this size mostly waits for the disk: on a busy machine compare the processor times. Exit code 0 if transform took at most 1.10 times as long, 1 if it took longer or the tables differ.

The Python module `duckdb` has to be of the version that the binary links (`transform debug` shows it); what is compared then
is the same engine, with the same number of threads.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

GOAL = 1.10
COLUMNS = "id bigint, customer integer, amount decimal(12, 2), status varchar, updated_at timestamp"
ROW = """id, (hash(id) % 100000)::integer as customer, ((hash(id + {salt}) % 1000000) / 100)::decimal(12, 2) as amount,
    ['new', 'paid', 'sent', 'back'][(hash(id * 3 + {salt}) % 4 + 1)::integer] as status,
    timestamp '2024-01-01' + to_seconds((id % 10000000)::integer) + to_days({salt}) as updated_at"""
MODEL = """{{{{ config(materialized='incremental', incremental_strategy='{strategy}', unique_key='id') }}}}
select * from changes
"""
STATEMENTS = {
    "merge": """merge into orders as DBT_INTERNAL_DEST using staged as DBT_INTERNAL_SOURCE
        on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)
        when matched then update by name when not matched then insert by name""",
    "delete+insert": """delete from orders where (id) in (select (id) from staged);
        insert into orders (id, customer, amount, status, updated_at)
        (select id, customer, amount, status, updated_at from staged)""",
}


def prepare(path: pathlib.Path, rows: int) -> None:
    """A database with the table and its batch: every hundredth row changed, and as many new ones."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table orders ({COLUMNS})")
        connection.execute(f"insert into orders select {ROW.format(salt=0)} from range({rows}) as t(id)")
        changed = f"select {ROW.format(salt=7)} from range(0, {rows}, 100) as t(id)"
        new = f"select {ROW.format(salt=7)} from range({rows}, {rows + rows // 100}) as t(id)"
        connection.execute(f"create table changes as {changed} union all {new}")


def by_hand(path: str, strategy: str, threads: int) -> None:
    """The statements, in a process of their own."""
    import duckdb

    with duckdb.connect(path, config={"threads": threads}) as connection:
        connection.execute("begin")
        connection.execute("create temporary table staged as (select * from changes)")
        connection.execute(STATEMENTS[strategy])
        connection.execute("commit")
        connection.execute("drop table staged")


def fingerprint(path: pathlib.Path) -> tuple:
    """Rows, keys and a sum over everything."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        sql = "select count(*), count(distinct id), sum(hash(id, customer, amount, status, updated_at)) from orders"
        return connection.execute(sql).fetchone()


def timed(command: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds of a process that has to succeed: on the clock, and of the processors."""
    os.sync()
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    elapsed, after = time.perf_counter() - started, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return elapsed, busy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--strategy", choices=sorted(STATEMENTS), default="merge")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--by-hand", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        by_hand(options.by_hand, options.strategy, options.threads)
        return 0
    if not options.bin:
        parser.error("--bin is needed")

    with tempfile.TemporaryDirectory() as home:
        project = pathlib.Path(home, "project")
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
        (project / "models" / "orders.sql").write_text(MODEL.format(strategy=options.strategy))
        profile = f"bench: {{outputs: {{dev: {{type: duckdb, path: run.duckdb, settings: {{threads: {options.threads}}}}}}}, target: dev}}\n"
        (project / "profiles.yml").write_text(profile)
        origin, file = pathlib.Path(home, "origin.duckdb"), project / "run.duckdb"
        prepare(origin, options.rows)
        hand = [sys.executable, __file__, "--by-hand", str(file), "--strategy", options.strategy, "--threads", str(options.threads)]
        sides = {"transform": [str(options.bin.resolve()), "run", "--quiet"], "by hand": hand}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        results = set()
        for number in range(options.rounds):
            for name, command in sides.items():
                shutil.copyfile(origin, file)
                times[name].append(timed(command, project))
                print(f"round {number + 1}  {name:<9}  {times[name][-1][0]:7.2f} s, processors {times[name][-1][1]:6.2f} s", flush=True)
                results.add(fingerprint(file))
                file.unlink()
    best = {name: min(elapsed for elapsed, _ in values) for name, values in times.items()}
    ratio = best["transform"] / best["by hand"]
    count, keys, _ = next(iter(results))
    print(f"{options.strategy}, {options.rows} rows + 2 %: {ratio:.2f} times the time of the statements by hand (goal {GOAL:.2f})")
    print(f"rows {count}, keys {keys}, tables {'equal' if len(results) == 1 else 'DIFFERENT'}")
    return 0 if ratio <= GOAL and len(results) == 1 and count == keys else 1


if __name__ == "__main__":
    sys.exit(main())
