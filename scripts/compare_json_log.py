#!/usr/bin/env python3
"""Runs commands with dbt and with transform on one project and compares the JSON logs, event by event.

usage: scripts/compare_json_log.py --bin PATH [--dbt PATH] [--only WORD] [--events NAME,NAME] [--keep DIR]

The project is written by this script: seeds, models of every kind, a snapshot, tests that pass, warn and fail, hooks, sources
that are fresh and stale, groups, exposures and a deprecated spelling. Each of COMMANDS runs in a copy of it for each program,
with `--log-format json --log-level debug`. Compared are
* whether every line of standard output is one JSON object;
* the exit code;
* the events from level info up, in their order: name, level, message (times, paths and versions made equal);
* of every event name that both have: code, levels, and the keys of `info` and `data` with their types, deep into objects;
* the names that only one of them has.
Prints each difference. Exit code 0 if there is none beyond EXPECTED, 1 if there is one, 2 if nothing could be compared.

Without --dbt, dbt is installed into target/compare_with_dbt on first use.
"""

import argparse
import collections
import difflib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from compare_with_dbt import ROOT, ensure_dbt  # noqa: E402

PROJECT = {
    "profiles.yml": """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 1}
""",
    "dbt_project.yml": """
name: shop
version: '1.0'
profile: shop
on-run-start: "select 1 as started"
on-run-end: ["select 1 as ended", "{{ log('the end', info=true) }}"]
models:
  shop:
    +materialized: view
flags:
  send_anonymous_usage_stats: false
""",
    "seeds/raw_orders.csv": "id,customer,amount,ordered_at\n1,ann,5,2024-01-01\n2,bob,7,2024-01-02\n3,,9,2024-01-03\n",
    "models/stg_orders.sql": "select id, customer, amount, ordered_at from {{ ref('raw_orders') }}\n",
    "models/eph.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('stg_orders') }}\n",
    "models/orders.sql": "{{ config(materialized='table', meta={'owner': 'me', 'n': 1}) }}\n"
                         "{{ log('building orders') }} select * from {{ ref('eph') }}\n",
    "models/increments.sql": "{{ config(materialized='incremental', unique_key='id', contract={'enforced': false}) }}\n"
                             "select * from {{ ref('orders') }}\n",
    "models/fresh.sql": "select * from {{ source('raw', 'fresh') }}\n",
    "models/broken.sql": "{% if var('break', false) %} select nothing from {{ ref('orders') }}"
                         "{% else %} select 1 as id from {{ ref('orders') }} {% endif %}\n",
    "models/after_broken.sql": "select * from {{ ref('broken') }}\n",
    "models/disabled.sql": "{{ config(enabled=false) }} select 1 as id\n",
    "snapshots/orders_snapshot.sql": "{% snapshot orders_snapshot %}{{ config(target_schema='snaps', unique_key='id', "
                                     "strategy='check', check_cols='all') }} select * from {{ ref('orders') }}"
                                     "{% endsnapshot %}\n",
    "tests/no_nine.sql": "{{ config(severity='error', error_if='>100') }}\n"
                         "select * from {{ ref('orders') }} where amount = 9\n",
    "tests/stored.sql": "{{ config(store_failures=true, error_if=var('strict', '>100')) }}\n"
                        "select * from {{ ref('orders') }} where amount > 5\n",
    "analyses/look.sql": "select count(*) from {{ ref('orders') }}\n",
    "macros/m.sql": "{% macro greet(name='you') %}{{ log('hello ' ~ name, info=true) }}{{ print('printed') }}"
                    "{% do exceptions.warn('careful') %}{% do run_query('select 1') %}{% endmacro %}\n"
                    "{% macro fails() %}{{ exceptions.raise_compiler_error('no good') }}{% endmacro %}\n"
                    "{% macro raw_tables() %}{% do run_query('create schema if not exists raw') %}"
                    "{% do run_query(\"create or replace table raw.fresh as select 1 as id, now()::timestamp as at\") %}"
                    "{% do run_query(\"create or replace table raw.stale as select 1 as id, timestamp '2020-01-01' as at\") %}"
                    "{% endmacro %}\n",
    "models/schema.yml": """
version: 2
groups:
  - {name: finance, owner: {name: Fin, email: fin@example.com}}
exposures:
  - {name: board, type: dashboard, owner: {email: me@example.com}, depends_on: [ref('orders')]}
sources:
  - name: raw
    schema: raw
    loaded_at_field: at
    freshness: {warn_after: {count: 1, period: day}, error_after: {count: 300, period: day}}
    tables:
      - name: fresh
      - name: stale
      - {name: missing, freshness: {error_after: {count: 1, period: day}}}
models:
  - name: orders
    config: {group: finance}
    columns:
      - name: id
        tests: [unique, not_null]
      - name: customer
        tests:
          - not_null: {severity: warn}
          - accepted_values: {values: [ann, bob]}
  - name: stg_orders
    config: {group: finance}
    columns:
      - {name: customer, tests: [not_null]}
  - {name: not_there, description: no such model}
unit_tests:
  - name: good_unit
    model: increments
    overrides: {macros: {is_incremental: false}}
    given: [{input: ref('orders'), rows: [{id: 1, customer: a}]}]
    expect: {rows: [{id: 1, customer: a}]}
  - name: bad_unit
    model: fresh
    given: [{input: "source('raw', 'fresh')", rows: [{id: 1}]}]
    expect: {rows: [{id: 2}]}
""",
}

# Run one after the other in the same copy.
COMMANDS = [
    "run-operation raw_tables",
    "seed --show",
    "run",
    "build",
    "build --vars '{break: true, strict: \">0\"}'",
    "retry",
    "run --fail-fast --vars '{break: true}'",
    "test --select orders",
    "test --select stored --vars '{strict: \">0\"}'",
    "snapshot",
    "compile --select orders",
    "compile --inline \"select * from {{ ref('orders') }}\"",
    "compile --inline \"select * from {{ ref('nowhere') }}\"",
    "show --select orders --limit 2",
    "show --inline \"select 1 as a\" --output json",
    "ls",
    "ls --output json --select orders",
    "ls --select nothing_like_this",
    "source freshness",
    "run-operation greet --args '{name: bob}'",
    "run-operation fails",
    "run-operation not_a_macro",
    "parse",
    "run --select nothing_like_this",
    "run --warn-error",
    "docs generate",
    "clean",
    "debug",
    "deps",
]

# Only one of the programs has them, by nature.
OURS_ALONE = {"Note"}
THEIRS_ALONE = {
    # How Python's parser, connections and caches work inside.
    "NewConnection", "NewConnectionOpening", "ConnectionReused", "ConnectionUsed", "ConnectionClosed", "ConnectionLeftOpen",
    "ConnectionLeftOpenInCleanup", "ConnectionClosedInCleanup", "Rollback", "RollbackFailed", "SQLCommit",
    "PartialParsingEnabled", "PartialParsingNotEnabled", "UnableToPartialParse", "PartialParsingError", "SendingEvent",
    "SendEventFailure", "TrackingInitializeFailure", "StateCheckVarsHash", "PartialParsingErrorProcessingFile",
    "PartialParsingSkipParsing", "ResourceReport", "CacheMiss", "CacheAction", "CacheDumpGraph", "ListRelations",
    "SchemaCreation", "SchemaDrop", "AddRelation", "UsingImplicitProjectFlags", "MacroFileParse", "GenericTestFileParse",
    "TypeCodeNotFound", "CodeExecution", "CodeExecutionStatus", "WritingInjectedSQLForNode", "AdapterEventDebug", "AdapterEventInfo",
    "ParsePerfInfoPath", "InputFileDiffError", "FlushEvents", "FlushEventsFailure", "LogDebugStackTrace", "DebugStackTrace",
}


def write_project(folder: pathlib.Path) -> None:
    for path, text in PROJECT.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.removeprefix("\n"))


def run(program: str, command: str, folder: pathlib.Path) -> tuple[int, list[dict], list[str]]:
    """Exit code, events, and the lines of standard output that are none."""
    words = shlex.split(command)
    line = [program, *words, "--log-format", "json", "--log-level", "debug", "--profiles-dir", ".", "--log-path", "logs"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("DBT_")} | {"DBT_ENV_CUSTOM_ENV_TEAM": "data"}
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True)
    events, other = [], []
    for text in done.stdout.splitlines():
        try:
            event = json.loads(text)
            events.append(event) if isinstance(event, dict) and "info" in event else other.append(text)
        except ValueError:
            other.append(text)
    return done.returncode, events, other


EQUALISED = [
    (r"\d\d:\d\d:\d\d(\.\d+)?", "TIME"),
    (r"\d{4}-\d\d-\d\d[T ]TIME(\+00:00|Z)?", "TIME"),
    (r"\d+ hours (\d+ minutes)? and [\d.]+ seconds|\d+\.\d+ ?s(econds)?\b|\d+ milliseconds", "SECONDS"),
    (r"\b\d+\.\d+\.\d+(\S*\d)?", "VERSION"),
    (r"\d+ macros", "N macros"),
    (r"\.{2,}", ".."),
    (r"\btransform\b|\S*/bin/dbt\b|\bdbt\b", "PROGRAM"),
    (r"\x1b\[[\d;]*m", ""),
]


def equalised(text: str, folder: pathlib.Path) -> str:
    text = text.replace(str(folder), "DIR")
    for pattern, word in EQUALISED:
        text = re.sub(pattern, word, text)
    return text.strip()


def shape(value, path: str, into: dict) -> None:
    """Every key with the types it has."""
    if isinstance(value, dict):
        into[path].add("object")
        # Keys of free maps are data, not shape.
        if path.endswith((".meta", ".extra", ".args", ".adapter_response", ".warn_error_options")):
            return
        for key, below in value.items():
            shape(below, f"{path}.{key}".lstrip("."), into)
    elif isinstance(value, list):
        into[path].add("list")
        for item in value:
            shape(item, f"{path}.[]", into)
    else:
        kinds = {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}
        into[path].add(kinds[type(value)])


def by_name(events: list[dict]) -> dict[str, list[dict]]:
    groups = collections.defaultdict(list)
    for event in events:
        groups[event["info"]["name"]].append(event)
    return groups


def compare_shapes(ours: list[dict], theirs: list[dict], wanted: set[str]) -> list[str]:
    out = []
    mine, their = by_name(ours), by_name(theirs)
    for name in sorted(set(mine) | set(their)):
        if wanted and name not in wanted:
            continue
        if name not in mine:
            if name not in THEIRS_ALONE:
                sample = their[name][0]["info"]["msg"].splitlines() or [""]
                out.append(f"  - {name}: only dbt has it ({len(their[name])}x, {their[name][0]['info']['level']}): {sample[0][:110]}")
            continue
        if name not in their:
            if name not in OURS_ALONE:
                sample = mine[name][0]["info"]["msg"].splitlines() or [""]
                out.append(f"  + {name}: only transform has it ({len(mine[name])}x): {sample[0][:110]}")
            continue
        if name not in ("SQLQuery", "SQLQueryStatus", "Note", "JinjaLogDebug", "Formatting") and len(mine[name]) != len(their[name]):
            out.append(f"  # {name}: {len(mine[name])} events, dbt {len(their[name])}")
        for fact in ("code", "level", "category", "thread"):
            a, b = ({e["info"][fact] for e in side[name]} for side in (mine, their))
            if fact == "thread":
                a, b = ({re.sub(r"^Thread-\d+.*", "Thread-N", t) for t in side} for side in (a, b))
            if a != b:
                out.append(f"  ~ {name}: {fact} {sorted(a)}, dbt {sorted(b)}")
        shapes = []
        for side in (mine, their):
            into = collections.defaultdict(set)
            for event in side[name]:
                shape({"info": event["info"], "data": event["data"]}, "", into)
            shapes.append(into)
        for path in sorted(set(shapes[0]) | set(shapes[1])):
            a, b = (s.get(path, set()) for s in shapes)
            if a != b and all(path.rpartition(".")[0] in s for s in shapes):
                out.append(f"  ~ {name}: {path} {'/'.join(sorted(a)) or 'missing'}, dbt {'/'.join(sorted(b)) or 'missing'}")
    return out


def spoken(events: list[dict], folder: pathlib.Path) -> list[str]:
    lines = []
    for event in events:
        info = event["info"]
        if info["level"] in ("info", "warn", "error") and info["name"] != "Formatting":
            lines.append(f"{info['level']:5} {info['name']}: {equalised(info['msg'], folder)!r}")
    return lines


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--dbt", help="an installed dbt")
    arguments.add_argument("--only", default="", help="commands that contain this word; those before it run too")
    arguments.add_argument("--events", default="", help="names of the events to compare")
    arguments.add_argument("--keep", type=pathlib.Path, help="keep dbt's logs here, and use them the next time")
    arguments.add_argument("--quiet-messages", action="store_true", help="do not compare messages")
    given = arguments.parse_args()
    dbt = given.dbt or str(ensure_dbt(ROOT / "target" / "compare_with_dbt") / "dbt")
    work = pathlib.Path(tempfile.mkdtemp(prefix="compare_json_log_"))
    folders = {"transform": work / "transform", "dbt": work / "dbt"}
    for folder in folders.values():
        write_project(folder)
    wanted = {e for e in given.events.split(",") if e}
    differences = 0
    for number, command in enumerate(COMMANDS):
        code, events, other = run(str(pathlib.Path(given.bin).resolve()), command, folders["transform"])
        kept = given.keep / f"{number}.json" if given.keep else None
        if kept and kept.exists():
            former = json.loads(kept.read_text())
            dbt_code, dbt_events, dbt_other, dbt_folder = (former[k] for k in ("code", "events", "other", "folder"))
        else:
            dbt_folder = str(folders["dbt"])
            dbt_code, dbt_events, dbt_other = run(dbt, command, folders["dbt"])
            if kept:
                given.keep.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps({"command": command, "code": dbt_code, "events": dbt_events, "other": dbt_other, "folder": dbt_folder}))
        if given.only not in command:
            continue
        found = []
        if code != dbt_code:
            found.append(f"  exit code {code}, dbt {dbt_code}")
        if other != dbt_other:
            found.append(f"  standard output has besides events: {other[:3]}, dbt {dbt_other[:3]}")
        found += compare_shapes(events, dbt_events, wanted)
        if not given.quiet_messages and not wanted:
            a, b = spoken(dbt_events, pathlib.Path(dbt_folder)), spoken(events, folders["transform"])
            diff = list(difflib.unified_diff(a, b, "dbt", "transform", lineterm="", n=0))[2:]
            found += [f"    {line[:230]}" for line in diff if not line.startswith("@@")]
        differences += len(found)
        print(f"{command}: {len(events)} events, dbt {len(dbt_events)}: {'same' if not found else ''}")
        print("\n".join(found), end="\n" if found else "")
    shutil.rmtree(work, ignore_errors=True)
    print(f"{differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
