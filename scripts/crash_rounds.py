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
There,
* the Python module `deltalake`, which knows nothing but the tables' own logs, reads them again and again while the program runs
  and after it was killed, and finds every table, and every batch of a microbatch model, as it was before the command or as it is
  after it, never anything else;
* `transform maintain` without retention, once, leaves exactly those data files that the logs name, exactly the folders of the
  tables there are, and nothing that is half written, and the relations still hold the same.

With `--engine duckdb --read-by-program` the other engine's way of reading can be tried. The Python module `duckdb` has to be of
the version that the binary links; times are taken from Linux. SIGTERM ends it with the counts so far. Exit code 1 if any round is wrong; `--keep FOLDER` keeps what those rounds left.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

BATCHES, ROWS = 12, 100
TOTAL = BATCHES * ROWS
INTERMEDIATE = ("__dbt_tmp", "__dbt_backup", "__dbt_new", "__dbt_stage", "dbt_tmp")

COUNTED = ("merged", "replaced", "appended", "overwritten", "totals")
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
VIEWS = {'"main"."a_view"', '"main"."joined"'}
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


OPTIONS = argparse.Namespace(program="", engine="duckdb", read_by_program=False, keep=None)
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

    def relations(self) -> dict[str, list[str]]:
        """The columns of all relations of the project."""
        found = {}
        for schema, table, column, _ in sorted(self.rows("""
                select table_schema, table_name, column_name, ordinal_position from information_schema.columns
                where table_schema not in ('_transform', 'information_schema', 'pg_catalog')"""), key=lambda r: (r[0], r[1], r[3])):
            found.setdefault(f'"{schema}"."{table}"', []).append(column)
        return found


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
    versions = {row.rsplit("|", 1)[1] for row in found['"main"."a_view"'][1]}
    return [] if len(versions) == 1 else [f"published versions: {versions}"]


def relations(folder: pathlib.Path, database: str = "crash.duckdb") -> dict:
    """The rows of all relations in a database, but for those of the hooks."""
    with Reader(folder, database) as reader:
        columns = {name: columns for name, columns in reader.relations().items() if name != '"main"."hooked"'}
        queries = []
        for name, of_relation in columns.items():
            shown = [f'"{c}"' for c in of_relation if c not in STABLE]
            if "dbt_valid_to" in of_relation:
                shown.append("dbt_valid_to is null")
            if set(of_relation) & STABLE:
                shown.append("dense_rank() over (partition by id order by dbt_valid_from)")
            row = " || '|' || ".join(f"coalesce(cast({c} as varchar), '-')" for c in shown)
            queries.append(f"select '{name}' as relation, {row} as content from {name}")
        rows = collections.defaultdict(list)
        for name, row in reader.rows(" union all ".join(queries)):
            rows[name].append(row)
    return {name: (of_relation, sorted(rows[name])) for name, of_relation in columns.items()}


def disagreements(folder: pathlib.Path) -> list[str]:
    """Where ledger and tables disagree: never allowed, not even right after a kill."""
    batches = " union all ".join(f"""
        select '{model}' as name, 'table' as place, cast((id - id % {ROWS}) / {ROWS} as bigint) as batch, count(*) as n
            from main.{model} group by 3
        union all select '{model}', 'ledger', cast(cast(interval_start as bigint) / {ROWS} as bigint), {ROWS} from _transform.runs
            where relation = 'main.{model}' and kind = 'batch' and status = 'success' group by 3""" for model in MICROBATCH)
    counted = f"""select name, 'hook', -1, count(*) from main.hooked group by 1
        union all select split_part(relation, '.', 2), 'ledger', -1, count(*) from _transform.runs
            where kind = 'model' and split_part(relation, '.', 2) in {COUNTED} group by 1"""
    places = collections.defaultdict(dict)
    with Reader(folder) as reader:
        for name, place, batch, n in reader.rows(f"{batches} union all {counted}"):
            places[name, place][batch] = n
    found = []
    for model in MICROBATCH:
        table, ledger = places[model, "table"], places[model, "ledger"]
        if table.keys() != ledger.keys():
            found.append(f"{model}: batches {sorted(table)} in the table, {sorted(ledger)} in the ledger")
        found.extend(f"{model}: batch {b} has {n} rows" for b, n in table.items() if n != ROWS)
    for name in COUNTED:
        hook, ledger = places[name, "hook"], places[name, "ledger"]
        if hook != ledger:
            found.append(f"{name}: hook {hook.get(-1)} times, ledger {ledger.get(-1)} times")
    return found


def leftovers(folder: pathlib.Path) -> list[str]:
    """What no finished run leaves behind."""
    with Reader(folder) as reader:
        names = reader.rows("""select table_name from information_schema.tables
            union all select schema_name from information_schema.schemata
            union all select concat('still running: ', relation, ' ', kind) from _transform.runs where status = 'running'""")
        found = [n for n, in names if n.startswith("still running: ") or any(part in n for part in INTERMEDIATE)]
    found.extend(f"left by a killed run: {p.relative_to(folder)}" for p in (folder / "target").rglob(".tmp-*"))
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


class Lake:
    """The tables of a lake as others see them: their own logs, without the catalog."""

    def __init__(self, folder: pathlib.Path):
        self.root = folder / "lake"

    def tables(self) -> list[pathlib.Path]:
        return sorted(log.parent for log in self.root.glob("*/*/_delta_log") if any(log.glob("*.json")))

    def content(self) -> dict:
        """The rows of every table: of a microbatch model by batch, of snapshots without the times."""
        from deltalake import DeltaTable
        found = {}
        for folder in self.tables():
            name, rows = str(folder.relative_to(self.root)), DeltaTable(str(folder)).to_pyarrow_table().to_pylist()
            for row in rows:
                row["open"] = row.get("dbt_valid_to") is None
                part = f"{name} batch {row['id'] // ROWS}" if folder.name in MICROBATCH else name
                found.setdefault(part, []).append(repr([v for c, v in sorted(row.items()) if c not in STABLE]))
        return {name: sorted(rows) for name, rows in found.items() if not name.startswith(("_transform/", "main/hooked"))}

    def strangers(self, allowed: list[dict]) -> list[str]:
        """What is in none of the allowed states."""
        try:
            found = self.content()
        except Exception as problem:  # Whatever it is: others cannot read the lake.
            return [f"deltalake cannot read: {problem}"]
        states = lambda name: [state.get(name) for state in allowed]
        gone = sorted(name for name in allowed[0].keys() - found.keys() if " batch " not in name)
        return [f"deltalake finds {len(rows)} rows in {name}, which are no state of it" for name, rows in found.items()
                if rows not in states(name)] + [f"deltalake does not find {name}" for name in gone]

    def watched(self, allowed: list[dict], stop: threading.Event, wrong: list[str], counts: collections.Counter) -> None:
        """Looks at the tables until it is told to stop."""
        while not stop.is_set():
            wrong.extend(f"during a run: {p}" for p in self.strangers(allowed))
            counts["readings of all tables by others during runs"] += 1
            stop.wait(0.2)

    def orphans(self) -> list[str]:
        """Files that are not needed, after everything was tidied up; also those that are needed and missing."""
        from deltalake import DeltaTable
        named, logs = set(), re.compile(r"(\d{20}(\.checkpoint)?\.(json|parquet)|_last_checkpoint)")
        for folder in self.tables():
            named |= {pathlib.Path(urllib.parse.unquote(uri.removeprefix("file://"))) for uri in DeltaTable(str(folder)).file_uris()}
        there, found = set(), []
        for path in self.root.rglob("*"):
            if path.is_dir():
                continue
            if path.parent.name == "_delta_log" or path.parent == self.root / "_transform" / "catalog":
                if not logs.fullmatch(path.name):
                    found.append(f"in a log: {path.relative_to(self.root)}")
            else:
                there.add(path)
        found.extend(f"not needed: {p.relative_to(self.root)}" for p in sorted(there - named))
        found.extend(f"missing: {p}" for p in sorted(named - there))
        return found


def used(pid: int) -> float:
    """The seconds of a processor that a process has taken until now, as Linux tells."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Program:
    def __init__(self, path: str):
        self.path = os.path.abspath(path)

    def run(self, folder: pathlib.Path, command: list[str]) -> float:
        """Lets the program end. How many seconds of a processor it took: on a busy machine it takes longer, and as many."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([self.path, *command, "--quiet"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def killed(self, folder: pathlib.Path, command: list[str], delay: float) -> bool:
        """Starts the program, kills it when it has taken so many seconds of a processor. Whether it was still running."""
        process = subprocess.Popen([self.path, *command, "--quiet"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            if used(process.pid) >= delay:
                time.sleep(random.uniform(0, 0.01))
                process.send_signal(signal.SIGKILL)
                return process.wait() == -signal.SIGKILL
            time.sleep(0.002)
        return False


def unreadable(look, *args) -> list[str]:
    """What a look finds wrong; also that it cannot look."""
    try:
        return look(*args)
    except Exception as problem:
        return [f"{look.__name__}: {problem}"]


class Round:
    """One command, killed and repaired."""

    def __init__(self, program: Program, folder: pathlib.Path, command: list[str], counts: collections.Counter):
        self.program, self.folder, self.command, self.counts = program, folder, command, counts
        self.kills, self.wrong = 0, []

    def kill(self, delay: float, allowed: list[dict]) -> None:
        folder, lake = self.folder, Lake(self.folder)
        stop = threading.Event()
        watcher = threading.Thread(target=lake.watched, args=(allowed, stop, self.wrong, self.counts))
        if allowed:
            watcher.start()
        killed = self.program.killed(folder, self.command, delay)
        self.kills += killed
        stop.set()
        if allowed:
            watcher.join()
        found = unreadable(disagreements, folder) + artifacts(folder, after=False) + unreadable(published, folder)
        if allowed:
            found += lake.strangers(allowed)
            self.counts["kills that left a file half written"] += any("#" in p.name for p in lake.root.rglob("*#*"))
        self.wrong.extend(f"after a kill: {p}" for p in found)

    def repair(self, expected: dict) -> None:
        """One plain re-run; what is wrong then."""
        folder, wrong = self.folder, self.wrong
        try:
            self.program.run(folder, self.command)
        except RuntimeError as problem:
            wrong.append(str(problem))
            return
        self.compare(content(folder), expected)
        publishes = self.command[0] in PUBLISHING and OPTIONS.engine not in PROFILES and not OPTIONS.read_by_program
        if publishes and relations(folder, "public/read.duckdb") != relations(folder):
            wrong.append("what is published is not what the database holds")
        wrong += unreadable(disagreements, folder) + unreadable(leftovers, folder) + artifacts(folder, after=True)

    def compare(self, got: dict, expected: dict) -> None:
        for name in sorted(got.keys() | expected.keys()):
            if got.get(name) != expected.get(name):
                self.wrong.append(f"{name} differs: {str(got.get(name))[:300]} instead of {str(expected.get(name))[:300]}")

    def maintain(self, expected: dict, after: dict) -> None:
        """Tidies the lake up; what is wrong then."""
        lake = Lake(self.folder)
        before = len(list(lake.root.rglob("*")))
        try:
            self.program.run(self.folder, ["maintain", "--retention", "0 days"])
        except RuntimeError as problem:
            self.wrong.append(str(problem))
            return
        self.counts["files that maintain removed"] += before - len(list(lake.root.rglob("*")))
        found = unreadable(lake.orphans) + lake.strangers([after])
        got = content(self.folder)
        tables = set(got) - VIEWS | {'"main"."hooked"', '"_transform"."runs"'}
        if len(tables) != len(lake.tables()):
            found.append(f"{len(lake.tables())} folders for {len(tables)} tables")
        self.wrong.extend(f"after maintain: {p}" for p in found)
        self.compare(got, expected)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=sorted(COMMANDS), action="append", help="only this command; may be repeated")
    parser.add_argument("--engine", choices=["duckdb", "datafusion"], default="duckdb")
    parser.add_argument("--read-by-program", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for what wrong rounds leave")
    options = parser.parse_args(namespace=OPTIONS)
    options.program = os.path.abspath(options.program)
    chance, program = random.Random(options.seed), Program(options.program)
    commands = options.command or list(COMMANDS)
    counts, problems = collections.Counter(), 0
    lake = options.engine == "datafusion"
    with tempfile.TemporaryDirectory() as top:
        base = pathlib.Path(top, "base")
        base.mkdir()
        project(base)
        program.run(base, ["build"])
        before = Lake(base).content() if lake else {}
        calm = {}
        for name in commands:
            folder = pathlib.Path(top, "calm")
            shutil.copytree(base, folder)
            version(folder, 2)
            seconds = program.run(folder, COMMANDS[name])
            calm[name] = (seconds, content(folder), Lake(folder).content() if lake else {})
            os.chdir(top)
            shutil.rmtree(folder)
            print(f"{name}: {seconds:.2f} s of a processor without a kill", flush=True)
        # Whoever ends it early gets the counts up to there.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            for number in range(options.rounds):
                name = commands[number % len(commands)]
                seconds, expected, after = calm[name]
                # The program starts, reads and ends: what matters is in between.
                delays = [chance.uniform(0.02, seconds) for _ in range(chance.choice([1, 1, 2, 3]))]
                folder = pathlib.Path(top, f"round{number}")
                shutil.copytree(base, folder)
                version(folder, 2)
                one = Round(program, folder, COMMANDS[name], counts)
                for delay in delays:
                    one.kill(delay, [before, after] if lake else [])
                one.repair(expected)
                if lake:
                    one.maintain(expected, after)
                counts["kills"] += one.kills
                counts["rounds with a kill"] += one.kills > 0
                counts[f"rounds of {name}"] += 1
                counts["rounds that ended as if nothing had happened"] += not one.wrong
                problems += bool(one.wrong)
                for problem in one.wrong:
                    print(f"round {number} ({name}, killed after {delays}): {problem}", flush=True)
                os.chdir(top)
                if one.wrong and options.keep:
                    shutil.copytree(folder, options.keep / f"round{number}")
                shutil.rmtree(folder)
        except KeyboardInterrupt:
            os.chdir(top)
    for name, count in sorted(counts.items()):
        print(f"{count:5} {name}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
