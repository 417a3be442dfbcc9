#!/usr/bin/env python3
"""Times an incremental merge into a lake against the same merge by the Python module `deltalake`.

usage: scripts/bench_lake.py --bin PATH [--rows 10000000] [--rounds 2] [--batch spread|last]

A Delta table of ROWS rows takes a batch of 2 %: either every hundredth row changed and 1 % new ones (`spread`), or the last
1 % changed and 1 % new ones (`last`). Each side starts from a copy of a table that it has written itself, in a process of its
own: `transform run` of an incremental model over a Parquet file, and a Python process that merges the same file; `deltalake`
gets the range of the batch's keys as part of its condition, which transform finds out for itself. The sides take turns
(A B A B) and the best time of each counts. What is compared are processor times: a commit of this size mostly waits for the
disk. In the end both tables must be equal. Exit code 0 if transform took at most 1.10 times as long, 1 if it took longer or
the tables differ.

Needed are the Python modules `deltalake` and `pyarrow`. Use a release build: a debug build is several times slower.
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

GOAL = 1.10
MODEL = """{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}
select * from read_parquet('{{ var("file") }}')
"""


def rows_of(ids, salt: int):
    """Rows for some ids; the salt changes everything but the id."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mixed = pc.bit_wise_and(pc.multiply(pc.add(ids, salt), 2654435761), 0xFFFFFFFF)
    start = int(datetime.datetime(2024, 1, 1).timestamp()) * 1_000_000
    return pa.table({
        "id": ids,
        "customer": pc.bit_wise_and(mixed, 0xFFFF),
        "amount": pc.divide(pc.cast(pc.bit_wise_and(mixed, 0xFFFFF), pa.float64()), 100.0),
        "quantity": pc.bit_wise_and(pc.shift_right(mixed, 4), 0xF),
        "status": pc.take(pa.array(["new", "paid", "sent", "back"]), pc.bit_wise_and(mixed, 3)),
        "note": pc.cast(mixed, pa.string()),
        "updated_at": pc.cast(pc.add(pc.multiply(ids, 1_000_000), start + salt), pa.timestamp("us")),
        "day": pc.cast(pc.cast(pc.add(19_000, pc.cast(pc.divide(ids, 100_000), pa.int32())), pa.int32()), pa.date32()),
    })


def prepare(home: pathlib.Path, rows: int, batch: str) -> None:
    """The files that both sides read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def ids(start, stop, step=1):
        return pa.array(range(start, stop, step), pa.int64())

    with pq.ParquetWriter(home / "base.parquet", rows_of(ids(0, 1), 0).schema) as writer:
        for start in range(0, rows, 1_000_000):
            writer.write_table(rows_of(ids(start, min(start + 1_000_000, rows)), 0))
    new = ids(rows, rows + rows // 100)
    changed = ids(0, rows, 100) if batch == "spread" else ids(rows - rows // 100, rows)
    pq.write_table(rows_of(pa.concat_arrays([changed, new]), 7), home / "batch.parquet")


def write_by_hand(table: str, file: str) -> None:
    """The table as `deltalake` writes it."""
    import pyarrow.parquet as pq
    from deltalake import write_deltalake

    read = pq.ParquetFile(file)
    import pyarrow as pa

    write_deltalake(table, pa.RecordBatchReader.from_batches(read.schema_arrow, read.iter_batches()))


def merge_by_hand(table: str, file: str) -> None:
    """The merge, in a process of its own."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    source = pq.read_table(file)
    low, high = (pc.min_max(source["id"])[end].as_py() for end in ("min", "max"))
    merge = DeltaTable(table).merge(
        source, f"t.id = s.id and t.id >= {low} and t.id <= {high}", source_alias="s", target_alias="t"
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def fingerprint(table: pathlib.Path) -> str:
    """Rows, keys and sums over everything."""
    from deltalake import DeltaTable, QueryBuilder

    sql = """select count(*), count(distinct id), sum(id), sum(customer), sum(cast(amount * 100 as bigint)), sum(quantity),
        sum(length(status)), sum(length(note)), max(note), sum(cast(updated_at as bigint) % 1000003), min(day), max(day) from t"""
    found = QueryBuilder().register("t", DeltaTable(str(table))).execute(sql).read_all()
    return str([column.to_pylist() if hasattr(column, "to_pylist") else column for column in found.columns])


def timed(command: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds of a process that has to succeed: on the clock, and of the processors."""
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
    parser.add_argument("--batch", choices=["spread", "last"], default="spread")
    parser.add_argument("--by-hand", nargs=3, metavar=("WHAT", "TABLE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        what, table, file = options.by_hand
        {"write": write_by_hand, "merge": merge_by_hand}[what](table, file)
        return 0
    if not options.bin:
        parser.error("--bin is needed")

    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        project = home / "project"
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
        (project / "models" / "orders.sql").write_text(MODEL)
        (project / "profiles.yml").write_text(
            "bench: {outputs: {dev: {type: datafusion, path: ../lake, schema: main}}, target: dev}\n"
        )
        prepare(home, options.rows, options.batch)
        program, me = str(options.bin.resolve()), [sys.executable, __file__, "--by-hand"]

        def run(file):
            return [program, "run", "--quiet", "--vars", "{file: '%s'}" % (home / file)]

        sides = {
            "transform": ("lake", "lake/main/orders", run("base.parquet"), run("batch.parquet")),
            "deltalake": (
                "by_hand",
                "by_hand",
                [*me, "write", str(home / "by_hand"), str(home / "base.parquet")],
                [*me, "merge", str(home / "by_hand"), str(home / "batch.parquet")],
            ),
        }
        for name, (folder, _, create, _) in sides.items():
            elapsed, busy = timed(create, project)
            print(f"create   {name:<9}  {elapsed:7.2f} s, processors {busy:6.2f} s", flush=True)
            shutil.move(home / folder, home / f"{folder}.origin")
        times: dict[str, list[float]] = {name: [] for name in sides}
        results = set()
        for number in range(options.rounds):
            for name, (folder, table, _, merge) in sides.items():
                shutil.rmtree(home / folder, ignore_errors=True)
                shutil.copytree(home / f"{folder}.origin", home / folder)
                elapsed, busy = timed(merge, project)
                times[name].append(busy)
                print(f"round {number + 1}  {name:<9}  {elapsed:7.2f} s, processors {busy:6.2f} s", flush=True)
                results.add(fingerprint(home / table))
    ratio = min(times["transform"]) / min(times["deltalake"])
    print(f"{options.batch}, {options.rows} rows + 2 %: {ratio:.2f} times the processor time of deltalake (goal {GOAL:.2f})")
    print(f"tables {'equal' if len(results) == 1 else 'DIFFERENT: ' + ' / '.join(sorted(results))}")
    return 0 if ratio <= GOAL and len(results) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
