#!/usr/bin/env python3
"""Kills runs with SIGKILL at random moments and checks that one plain re-run repairs everything.

usage: scripts/crash_rounds.py target/debug/transform [--rounds 200] [--seed 0] [--command build --command ...] [--engine duckdb]

A project with views, tables, every incremental strategy, microbatch models, snapshots that follow deletions, seeds, hooks and
external files is built once with its first version of the data. A round starts from a copy of that, turns to the second version,
starts one of the commands and kills it, one to three times. Then the same command runs once in peace. After it
* every relation holds exactly what it holds after the command alone, external files included;
* the published file, which is whole at any time, holds what the database holds, if the command publishes;
* no relation, schema or file of an intermediate step is left, in the target folder neither;
* the ledger tells of exactly the batches that are in the tables, and of nothing that is still running;
* a hook that writes in its model's transaction has written as often as the ledger tells of the model;
* the artifacts are whole JSON files of one run.
Right after a kill already, batches in tables and in the ledger have to agree, and so have models and their hooks.

With `--engine datafusion` the project is a lake: without external files and without publishing, and read by the program itself.
With `--engine duckdb --read-by-program` the other engine's way of reading can be tried.

The Python module `duckdb` has to be of the version that the binary links. Exit code 1 if any round is wrong.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BATCHES, ROWS = 12, 100
TOTAL = BATCHES * ROWS
INTERMEDIATE = ("__dbt_tmp", "__dbt_backup", "__dbt_new", "__dbt_stage", "dbt_tmp")

COUNTING_HOOK = "insert into {{ target.schema }}.hooked select '{{ this.identifier }}'"
FILES = {
    "dbt_project.yml": """name: crash
profile: crash
on-run-start: ["create table if not exists {{ target.schema }}.hooked (name varchar)"]
models:
  crash:
    counted: {+post-hook: "%s"}
""" % COUNTING_HOOK,
    "profiles.yml": """crash:
  target: dev
  outputs:
    dev: {type: duckdb, path: crash.duckdb, threads: 4, external_root: out, publish: {path: public/read.duckdb, schemas: [main]}}
""",
    "models/events.sql": f"""{{{{ config(materialized='table', event_time='id') }}}}
select i as id, i % 7 as v, (i % 7) * {{{{ var('version') }}}} as w from range(0, {TOTAL}) t(i)
""",
    "models/people.sql": """{{ config(materialized='table') }}
select i as id, 'name ' || (i % 5 + case when i % 3 = 0 then {{ var('version') }} else 0 end) as name
from range({{ var('version') * 10 }}, {{ 300 + var('version') * 10 }}) t(i)
""",
    "models/a_view.sql": "select *, {{ var('version') }} as version from {{ ref('prices') }}\n",
    "models/joined.sql": "select p.*, e.v from {{ ref('people') }} p join {{ ref('events') }} e using (id)\n",
    "models/counted/merged.sql": """{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}
select * from {{ ref('people') }}
""",
    "models/counted/replaced.sql": """{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
select * from {{ ref('people') }}
""",
    "models/counted/appended.sql": """{{ config(materialized='incremental', incremental_strategy='append') }}
select * from {{ ref('people') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}
""",
    "models/counted/overwritten.sql": """{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partition_by='part') }}
select id % 4 as part, id, w from {{ ref('events') }} {% if is_incremental() %}where id % 4 < 2{% endif %}
""",
    "models/counted/totals.sql": """{{ config(materialized='table') }}
select name, count(*) as n from {{ ref('merged') }} group by name
""",
    "models/parallel.sql": f"""{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='id',
    batch_size={ROWS}, begin=0) }}}}
select id, w, '{{{{ model.batch.id }}}}' as batch from {{{{ ref('events') }}}}
""",
    "models/ordered.sql": f"""{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='id',
    batch_size={ROWS}, begin=0, lookback=2) }}}}
select id, w, '{{{{ model.batch.id }}}}' as batch from {{{{ ref('events') }}}} -- after {{{{ this }}}}
""",
    "models/file.sql": """{{ config(materialized='external', location='out/file.parquet') }}
select * from {{ ref('people') }}
""",
    "snapshots/history.yml": """snapshots:
  - {name: invalidated, relation: ref('people'), config: {strategy: check, check_cols: all, unique_key: id, hard_deletes: invalidate}}
  - {name: marked, relation: ref('people'), config: {strategy: check, check_cols: [name], unique_key: id, hard_deletes: new_record}}
  - {name: kept, relation: ref('people'), config: {strategy: check, check_cols: all, unique_key: id}}
""",
}
PUBLISHING = ("build", "run", "backfill")
STABLE = {"dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"}
MICROBATCH = ("parallel", "ordered")
COMMANDS = {
    "build": ["build"],
    "run": ["run"],
    "full refresh": ["run", "--full-refresh"],
    "backfill": ["backfill", "--restate"],
    "snapshot": ["snapshot"],
    "rebuild": ["snapshot", "--select", "kept", "--rebuild-from", """
        select *, timestamp '2024-01-01' as dbt_changed_at, false as dbt_is_deleted from main.people
        union all select id, name || '!', timestamp '2024-01-02', false from main.people where id % 2 = 0
        union all select id, name, timestamp '2024-01-03', true from main.people where id % 5 = 0"""],
    "seed": ["seed"],
}


OPTIONS = argparse.Namespace(program="", engine="duckdb", read_by_program=False)
PROFILES = {"datafusion": """crash:
  target: dev
  outputs:
    dev: {type: datafusion, path: lake, threads: 4}
"""}


class Reader:
    """Reads a warehouse: of the project, or the file that it publishes."""

    def __init__(self, folder: pathlib.Path, database: str = "crash.duckdb"):
        self.folder, self.connection = folder, None
        if OPTIONS.engine == "duckdb" and not (OPTIONS.read_by_program and database == "crash.duckdb"):
            import duckdb
            self.connection = duckdb.connect(str(folder / database), read_only=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.connection:
            self.connection.close()

    def rows(self, sql: str) -> list[tuple]:
        if self.connection:
            os.chdir(self.folder)
            return self.connection.execute(sql).fetchall()
        # A folder of its own for what the reading writes: it is not part of the test.
        with tempfile.TemporaryDirectory() as target:
            command = [OPTIONS.program, "show", "--quiet", "--output", "json", "--limit", "-1", "--target-path", target, "--inline-direct", sql]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{sql}\n{done.stdout}{done.stderr}")
        return [tuple(row.values()) for row in json.loads(done.stdout)["show"]]

    def tables(self) -> list[tuple[str, str]]:
        skipped = "('_transform', 'information_schema', 'pg_catalog')"
        found = self.rows(f"select table_schema, table_name from information_schema.tables where table_schema not in {skipped}")
        return sorted(found)

    def columns(self, schema: str, name: str) -> list[str]:
        sql = f"""select column_name, ordinal_position from information_schema.columns
            where table_schema = '{schema}' and table_name = '{name}'"""
        return [name for name, _ in sorted(self.rows(sql), key=lambda row: row[1])]


def version(folder: pathlib.Path, number: int) -> None:
    """Turns the project's data to a version."""
    (folder / "seeds").mkdir(exist_ok=True)
    (folder / "seeds" / "prices.csv").write_text(
        "id,price,since\n" + "".join(f"{i},{i * number}.5,2024-01-{i % 28 + 1:02}\n" for i in range(500 * number)))
    project = FILES["dbt_project.yml"] + f"vars: {{version: {number}}}\n"
    (folder / "dbt_project.yml").write_text(project)


def project(folder: pathlib.Path) -> None:
    for name, text in FILES.items():
        if OPTIONS.engine in PROFILES and name == "models/file.sql":
            continue
        if name == "profiles.yml":
            text = PROFILES.get(OPTIONS.engine, text)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "out").mkdir()
    version(folder, 1)


def content(folder: pathlib.Path) -> dict:
    """All that relations and files hold, in a form that does not depend on when it was written."""
    found = relations(folder)
    for path in sorted((folder / "out").rglob("*")):
        if path.is_file():
            import duckdb
            found[str(path.relative_to(folder))] = duckdb.sql(f"from read_parquet('{path}') order by all").fetchall()
    return found


def published(folder: pathlib.Path) -> list[str]:
    """What is wrong with the published file. It is replaced as a whole, so it always opens and is of one version."""
    if OPTIONS.engine in PROFILES:
        return []
    found = relations(folder, "public/read.duckdb")
    versions = {row[-1] for row in found["main.a_view"][1]}
    return [] if len(versions) == 1 else [f"published versions: {versions}"]


def relations(folder: pathlib.Path, database: str = "crash.duckdb") -> dict:
    """The rows of all relations in a database, but for those of the hooks."""
    found = {}
    with Reader(folder, database) as reader:
        for schema, name in reader.tables():
            if name == "hooked":
                continue
            columns = reader.columns(schema, name)
            shown = [f'"{c}"' for c in columns if c not in STABLE]
            if "dbt_valid_to" in columns:
                shown.append("dbt_valid_to is null as open")
            if set(columns) & STABLE:
                shown.append("dense_rank() over (partition by id order by dbt_valid_from) as place")
            rows = reader.rows(f'select {", ".join(shown)} from "{schema}"."{name}"')
            found[f"{schema}.{name}"] = (columns, sorted(rows, key=repr))
    return found


def disagreements(folder: pathlib.Path) -> list[str]:
    """Where ledger and tables disagree: never allowed, not even right after a kill."""
    found = []
    with Reader(folder) as reader:
        tables = {name for _, name in reader.tables()}
        for model in sorted(set(MICROBATCH) & tables):
            sql = f"select cast((id - id % {ROWS}) / {ROWS} as bigint) as batch, count(*) as n from main.{model} group by 1"
            present = dict(reader.rows(sql))
            sql = f"""select cast(interval_start as bigint) as start from _transform.runs
                where relation = 'main.{model}' and kind = 'batch' and status = 'success'"""
            recorded = {r[0] // ROWS for r in reader.rows(sql)}
            if set(present) != recorded:
                found.append(f"{model}: batches {sorted(present)} in the table, {sorted(recorded)} in the ledger")
            found.extend(f"{model}: batch {b} has {n} rows" for b, n in present.items() if n != ROWS)
        if "hooked" in tables:
            hooks = dict(reader.rows("select name, count(*) as n from main.hooked group by name"))
            ledger = dict(reader.rows("""select split_part(relation, '.', 2) as name, count(*) as n from _transform.runs
                where kind = 'model' and split_part(relation, '.', 2) in ('merged', 'replaced', 'appended', 'overwritten', 'totals')
                group by 1"""))
            different = [name for name in sorted(hooks.keys() | ledger.keys()) if hooks.get(name) != ledger.get(name)]
            found.extend(f"{name}: hook {hooks.get(name)} times, ledger {ledger.get(name)} times" for name in different)
    return found


def leftovers(folder: pathlib.Path) -> list[str]:
    """What no finished run leaves behind."""
    with Reader(folder) as reader:
        names = [name for _, name in reader.tables()]
        names += [row[0] for row in reader.rows("select schema_name from information_schema.schemata")]
        found = [n for n in names if any(part in n for part in INTERMEDIATE)]
        running = reader.rows("select relation, kind from _transform.runs where status = 'running'")
        found.extend(f"still running in the ledger: {r}" for r in running)
    if OPTIONS.engine in PROFILES:
        return found
    found.extend(str(p) for p in (folder / "public").iterdir() if p.name != "read.duckdb")
    found.extend(str(p) for p in (folder / "out").rglob("*") if p.name.startswith(".") or "tmp" in p.name or "stag" in p.name)
    return found


def artifacts(folder: pathlib.Path, after: bool) -> list[str]:
    """Artifacts that are no JSON; after a run to its end, those of another run."""
    found, invocations = [], set()
    for path in (folder / "target").glob("*.json"):
        try:
            metadata = json.loads(path.read_text()).get("metadata", {})
        except ValueError as problem:
            found.append(f"{path.name}: {problem}")
            continue
        if path.name in ("manifest.json", "run_results.json"):
            invocations.add(metadata.get("invocation_id"))
    if after and len(invocations) != 1:
        found.append(f"artifacts of runs {sorted(map(str, invocations))}")
    return found


class Program:
    def __init__(self, path: str):
        self.path = os.path.abspath(path)

    def run(self, folder: pathlib.Path, command: list[str]) -> float:
        started = time.monotonic()
        done = subprocess.run([self.path, *command, "--quiet"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return time.monotonic() - started

    def killed(self, folder: pathlib.Path, command: list[str], delay: float) -> bool:
        """Starts the program, kills it after a while. Whether it was still running."""
        process = subprocess.Popen([self.path, *command, "--quiet"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running = process.poll() is None
        if running:
            process.send_signal(signal.SIGKILL)
        process.wait()
        return running


def one_round(program: Program, base: pathlib.Path, folder: pathlib.Path, command: list[str], delays: list[float], expected: dict):
    """Kills and repairs; how often it killed, and what was wrong."""
    shutil.copytree(base, folder)
    version(folder, 2)
    kills, wrong = 0, []
    for delay in delays:
        kills += program.killed(folder, command, delay)
        wrong.extend(f"after a kill: {p}" for p in disagreements(folder) + artifacts(folder, after=False) + published(folder))
    try:
        program.run(folder, command)
    except RuntimeError as problem:
        return kills, [*wrong, str(problem)]
    got = content(folder)
    for name in sorted(got.keys() | expected.keys()):
        if got.get(name) != expected.get(name):
            wrong.append(f"{name} differs: {str(got.get(name))[:300]} instead of {str(expected.get(name))[:300]}")
    publishes = command[0] in PUBLISHING and OPTIONS.engine not in PROFILES and not OPTIONS.read_by_program
    if publishes and relations(folder, "public/read.duckdb") != relations(folder):
        wrong.append("what is published is not what the database holds")
    wrong += disagreements(folder) + leftovers(folder) + artifacts(folder, after=True)
    wrong += [f"left by a killed run: {p.relative_to(folder)}" for p in (folder / "target").rglob(".tmp-*")]
    return kills, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=sorted(COMMANDS), action="append", help="only this command; may be repeated")
    parser.add_argument("--engine", choices=["duckdb", "datafusion"], default="duckdb")
    parser.add_argument("--read-by-program", action="store_true")
    options = parser.parse_args(namespace=OPTIONS)
    options.program = os.path.abspath(options.program)
    chance, program = random.Random(options.seed), Program(options.program)
    commands = options.command or list(COMMANDS)
    counts, problems = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as top:
        base = pathlib.Path(top, "base")
        base.mkdir()
        project(base)
        program.run(base, ["build"])
        calm = {}
        for name in commands:
            folder = pathlib.Path(top, "calm")
            shutil.copytree(base, folder)
            version(folder, 2)
            seconds = program.run(folder, COMMANDS[name])
            calm[name] = (seconds, content(folder))
            os.chdir(top)
            shutil.rmtree(folder)
            print(f"{name}: {seconds:.2f} s without a kill", flush=True)
        for number in range(options.rounds):
            name = commands[number % len(commands)]
            seconds, expected = calm[name]
            # The program starts, reads and ends: what matters is in between.
            delays = [chance.uniform(0.05, seconds * 1.05) for _ in range(chance.choice([1, 1, 2, 3]))]
            folder = pathlib.Path(top, f"round{number}")
            kills, wrong = one_round(program, base, folder, COMMANDS[name], delays, expected)
            counts["kills"] += kills
            counts["rounds with a kill"] += kills > 0
            counts[f"rounds of {name}"] += 1
            counts["rounds that ended as if nothing had happened"] += not wrong
            problems += bool(wrong)
            for problem in wrong:
                print(f"round {number} ({name}): {problem}", flush=True)
            os.chdir(top)
            shutil.rmtree(folder)
    for name, count in sorted(counts.items()):
        print(f"{count:5} {name}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
