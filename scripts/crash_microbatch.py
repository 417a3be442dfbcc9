#!/usr/bin/env python3
"""Kills microbatch runs and backfills with SIGKILL at random moments and checks that a plain re-run repairs everything.

In: the path of the program, the number of rounds. Out: counts on standard output; exit code 1 if a round does not end with the
content of one full refresh and with a ledger that tells of exactly the batches that are in the table.

    scripts/crash_microbatch.py target/debug/transform --rounds 40
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

BATCHES = 20
ROWS = 200

PROJECT = "name: crash\nprofile: crash\n"
PROFILE = "crash:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: crash.duckdb, threads: 4}\n"
EVENTS = f"""{{{{ config(materialized='table', event_time='id') }}}}
select i as id, i % 7 as v from range(0, {BATCHES * ROWS}) t(i)
"""
MODEL = """{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='id', batch_size=%d, begin=0%s) }}
select id, v * {{ var('rate', 1) }} as v, '{{ model.batch.id }}' as batch from {{ ref('events') }}%s
"""
# The second model looks at its own table, so its batches keep their order.
ORDERED = "\n-- after {{ this }}"


def project(folder):
    os.makedirs(os.path.join(folder, "models"))
    files = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILE,
        "models/events.sql": EVENTS,
        "models/parallel.sql": MODEL % (ROWS, "", ""),
        "models/ordered.sql": MODEL % (ROWS, ", lookback=0", ORDERED),
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)


class Program:
    def __init__(self, path, folder):
        self.path = os.path.abspath(path)
        self.folder = folder

    def run(self, *args):
        command = [self.path, *args, "--quiet"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def killed(self, delay, *args):
        """Starts the program, kills it after a while. Whether it was still running."""
        process = subprocess.Popen(
            [self.path, *args, "--quiet"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(delay)
        if process.poll() is not None:
            return False
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True

    def rows(self, sql):
        shown = self.run("show", "--inline-direct", sql, "--output", "json", "--limit", "-1")
        return json.loads(shown)["show"]


def problems(program, rate):
    """What differs from one full refresh, in the tables and in the ledger."""
    found = []
    for model in ("parallel", "ordered"):
        sql = f"select count(*) as n, count(distinct id) as ids, min(id) as low, max(id) as high, sum(v) as v, " \
              f"count(*) filter (batch <> cast(id // {ROWS} * {ROWS} as varchar)) as lost from main.{model}"
        got = program.rows(sql)[0]
        total = BATCHES * ROWS
        want = {"n": total, "ids": total, "low": 0, "high": total - 1, "v": rate * sum(i % 7 for i in range(total)), "lost": 0}
        if {key: int(value) for key, value in got.items()} != want:
            found.append(f"{model} holds {got}, not {want}")
        sql = "select interval_start, interval_end, row_count from _transform.runs " \
              f"where relation = 'main.{model}' and kind = 'batch' and status = 'success'"
        recorded = {(int(r["interval_start"]), int(r["interval_end"])) for r in program.rows(sql)}
        missing = {(i * ROWS, (i + 1) * ROWS) for i in range(BATCHES)} - recorded
        if missing:
            found.append(f"{model}: not recorded {sorted(missing)}")
    return found


def consistent(program):
    """Right after a kill: every batch that is in a table is recorded, and every batch recorded is in it whole."""
    found = []
    tables = {r["table_name"] for r in program.rows("select table_name from information_schema.tables")}
    for model in {"parallel", "ordered"} & tables:
        sql = f"select id // {ROWS} as batch, count(*) as n from main.{model} group by all"
        present = {int(r["batch"]): int(r["n"]) for r in program.rows(sql)}
        sql = "select interval_start from _transform.runs " \
              f"where relation = 'main.{model}' and kind = 'batch' and status = 'success'"
        recorded = {int(r["interval_start"]) // ROWS for r in program.rows(sql)}
        if set(present) != recorded:
            found.append(f"{model}: in the table {sorted(present)}, recorded {sorted(recorded)}")
        found.extend(f"{model}: batch {batch} has {n} rows" for batch, n in present.items() if n != ROWS)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    counts = collections.Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as top:
        calm = os.path.join(top, "calm")
        project(calm)
        started = time.monotonic()
        Program(options.program, calm).run("run")
        whole = time.monotonic() - started
        for number in range(options.rounds):
            folder = os.path.join(top, f"round{number}")
            project(folder)
            program = Program(options.program, folder)
            # Rounds differ in what is killed: a first build, a full refresh, a rewriting of what is there.
            kind = ("first build", "full refresh", "restatement")[number % 3]
            rate = 1
            command = ["run"]
            if kind != "first build":
                program.run("run")
                rate = 2
            if kind == "full refresh":
                command = ["run", "--full-refresh", "--vars", "rate: 2"]
            if kind == "restatement":
                command = ["backfill", "--restate", "--vars", "rate: 2"]
            kills = 0
            for _ in range(chance.randint(1, 3)):
                kills += program.killed(chance.uniform(0.02, whole * 1.1), *command)
                if os.path.exists(os.path.join(folder, "crash.duckdb")):
                    wrong.extend(f"round {number} ({kind}), after a kill: {p}" for p in consistent(program))
                # A full refresh that was killed is gone on with by plain runs.
            counts["kills"] += kills
            counts["rounds killed at least once"] += kills > 0
            again = ["run", "--vars", f"rate: {rate}"]
            if kind == "restatement":
                again = command
            if kind == "full refresh":
                held = int(program.rows("select count(*) as n from main.parallel where v > 6")[0]["n"])
                counts["full refreshes killed before they replaced anything"] += held == 0
                if held == 0 or int(program.rows("select max(v) as v from main.ordered")[0]["v"]) <= 6:
                    again = command
            program.run(*again)
            found = problems(program, rate)
            wrong.extend(f"round {number} ({kind}): {problem}" for problem in found)
            counts[f"rounds of kind {kind}"] += 1
            counts["rounds that ended as one full refresh"] += not found
    print(f"one calm run took {whole:.2f} s")
    for name, count in sorted(counts.items()):
        print(f"{count:4} {name}")
    for problem in wrong:
        print(problem)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
