#!/usr/bin/env python3
"""Times a microbatch model over a year of days against the same statements by hand.

usage: scripts/bench_microbatch.py --bin PATH [--rows 10000000] [--days 365] [--rounds 2] [--threads 1]

Both sides start from a copy of one file with a table of ROWS rows over DAYS days, each in a process of its own, in turns
(A B A B), the best time of each counts; both tables must be equal in the end. By hand means: a Python process that makes the
table from the first day, and for every further day begins, stages the day's rows, deletes the day, inserts the rows, writes a
row into a table of runs, commits. Exit code 0 if transform took at most 1.3 times as long, 1 if longer or if the tables differ.

The Python module `duckdb` has to be of the version that the binary links. Commits wait for the disk: on a busy machine compare
the processor times.
"""

import argparse
import datetime
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

GOAL = 1.3
BEGIN = datetime.date(2023, 1, 1)
MODEL = """{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='day',
    begin='{begin}') }}}}
select id, happened, customer, amount * 2 as amount from {{{{ ref('events') }}}}
"""
QUERY = "select id, happened, customer, amount * 2 as amount from (select * from events where happened >= '{0}' and happened < '{1}') as events"


def prepare(path: pathlib.Path, rows: int, days: int) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""create table events as select id, timestamp '{BEGIN}' + to_microseconds((id::hugeint * {days} * 86400000000 // {rows})::bigint) as happened,
            (hash(id) % 100000)::integer as customer, ((hash(id * 7) % 1000000) / 100)::decimal(12, 2) as amount from range({rows}) t(id)""")
        connection.execute("create table runs (node varchar, starts varchar, ends varchar, rows bigint, finished timestamp, status varchar)")


def by_hand(path: str, days: int, threads: int) -> None:
    """The statements, in a process of their own."""
    import duckdb

    with duckdb.connect(path, config={"threads": threads}) as connection:
        for number in range(days):
            first, last = BEGIN + datetime.timedelta(number), BEGIN + datetime.timedelta(number + 1)
            query = QUERY.format(first, last)
            connection.execute("begin")
            if number == 0:
                connection.execute(f"create table daily as ({query})")
            else:
                connection.execute(f"create temporary table staged as ({query})")
                connection.execute(f"delete from daily where happened >= '{first}' and happened < '{last}'")
                connection.execute("insert into daily (id, happened, customer, amount) (select id, happened, customer, amount from staged)")
            connection.execute(f"insert into runs values ('model.bench.daily', '{first}', '{last}', null, now()::timestamp, 'success')")
            connection.execute("commit")
            connection.execute("drop table if exists staged")


def fingerprint(path: pathlib.Path) -> tuple:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("select count(*), count(distinct id), sum(hash(id, happened, customer, amount)) from daily").fetchone()


def timed(command: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds of a process that has to succeed: on the clock, and of the processors."""
    os.sync()
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    elapsed, after = time.perf_counter() - started, os.times()
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return elapsed, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of the database; nodes always run with one")
    parser.add_argument("--by-hand", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        by_hand(options.by_hand, options.days, options.threads)
        return 0
    if not options.bin:
        parser.error("--bin is needed")

    with tempfile.TemporaryDirectory() as home:
        project = pathlib.Path(home, "project")
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
        (project / "models" / "daily.sql").write_text(MODEL.format(begin=BEGIN).replace("ref('events')", "source('raw', 'events')"))
        (project / "models" / "raw.yml").write_text(
            "sources: [{name: raw, schema: main, tables: [{name: events, config: {event_time: happened}}]}]\n")
        (project / "profiles.yml").write_text(
            f"bench: {{outputs: {{dev: {{type: duckdb, path: run.duckdb, threads: 1, settings: {{threads: {options.threads}}}}}}}, target: dev}}\n")
        origin, file = pathlib.Path(home, "origin.duckdb"), project / "run.duckdb"
        prepare(origin, options.rows, options.days)
        end = BEGIN + datetime.timedelta(options.days)
        window = ["--event-time-start", str(BEGIN), "--event-time-end", str(end)]
        sides = {
            "transform": [str(options.bin.resolve()), "run", "--quiet", *window],
            "by hand": [sys.executable, os.path.abspath(__file__), "--by-hand", str(file), "--days", str(options.days),
                        "--threads", str(options.threads)],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        results = set()
        for number in range(options.rounds):
            for name, command in sides.items():
                shutil.copyfile(origin, file)
                times[name].append(timed(command, project))
                print(f"round {number + 1}  {name:<9}  {times[name][-1][0]:7.2f} s, processors {times[name][-1][1]:6.2f} s", flush=True)
                results.add(fingerprint(file))
                file.unlink()
    clock, busy = ({name: min(v[i] for v in values) for name, values in times.items()} for i in (0, 1))
    ratio = clock["transform"] / clock["by hand"]
    print(f"{options.days} batches over {options.rows} rows: {ratio:.2f} times the time of the statements by hand (goal {GOAL:.2f}), "
          f"{busy['transform'] / busy['by hand']:.2f} times the processors'")
    print(f"rows {next(iter(results))[0]}, tables {'equal' if len(results) == 1 else 'DIFFERENT'}")
    return 0 if ratio <= GOAL and len(results) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
