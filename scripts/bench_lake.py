#!/usr/bin/env python3
"""Times work on a lake against the same work by the Python module `deltalake`, with the DuckDB engine beside it.

usage: scripts/bench_lake.py --bin PATH [--rows 10000000] [--rounds 2] [--work create,last,replace]

A Parquet file of ROWS rows and 8 columns is the base. The kinds of work:

    create   a table out of all rows of the base
    last     a merge of a batch: the last 1 % of the rows changed, 1 % new ones
    spread   a merge of a batch: every hundredth row changed, 1 % new ones
    replace  the rows of one partition of twenty are replaced (`insert_overwrite`)

Each side works in a process of its own: `transform run` of one model over a Parquet file, and a Python process that does the same
with `deltalake`, which gets the range of the batch's keys or the partition as part of its condition; transform finds them out for
itself. All but `create` start from a copy of a table that the side has written itself. The sides take turns (A B A B), and the
best times count. Both write Parquet compressed with snappy, with dictionaries and statistics of columns; threads are as many as
the machine has processors. What the processes need to start (imports of Python; `transform parse`) is measured as well and taken
off both sides alike. What decides are processor times: a commit of this size mostly waits for the disk.

In the end all three tables must be equal. Exit code 0 if transform took at most 1.10 times as long everywhere, 1 if it took
longer or tables differ.

Needed are the Python modules `deltalake` and `pyarrow`. Use a release build: a debug build is several times slower.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

GOAL = 1.10
DAYS = 20
CONFIGS = {
    "create": "materialized='table'",
    "last": "materialized='incremental', incremental_strategy='merge', unique_key='id'",
    "spread": "materialized='incremental', incremental_strategy='merge', unique_key='id'",
    "replace": "materialized='incremental', incremental_strategy='insert_overwrite', partition_by=['day']",
}
# One query that both engines take.
SUMS = """select count(*) as rows_now, count(distinct id) as ids, cast(sum(id) as bigint) as id, cast(sum(customer) as bigint) as customer,
    cast(sum(cast(round(amount * 100) as bigint)) as bigint) as amount, cast(sum(quantity) as bigint) as quantity,
    cast(sum(length(status)) as bigint) as status, cast(sum(length(note)) as bigint) as note, max(note) as last_note,
    replace(cast(max(updated_at) as varchar), 'T', ' ') as updated_at, cast(min(day) as varchar) as first_day, cast(max(day) as varchar) as last_day"""


def rows_of(ids, rows: int, salt: int):
    """Rows for some ids; the salt changes everything but the id and its day."""
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
        "day": pc.cast(pc.cast(pc.add(19_000, pc.cast(pc.divide(ids, max(1, rows // DAYS)), pa.int32())), pa.int32()), pa.date32()),
    })


def prepare(home: pathlib.Path, rows: int) -> None:
    """The files that all sides read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def ids(start, stop, step=1):
        return pa.array(range(start, stop, step), pa.int64())

    with pq.ParquetWriter(home / "base.parquet", rows_of(ids(0, 1), rows, 0).schema) as writer:
        for start in range(0, rows, 1_000_000):
            writer.write_table(rows_of(ids(start, min(start + 1_000_000, rows)), rows, 0))
    new = ids(rows, rows + rows // 100)
    for name, changed in (("last", ids(rows - rows // 100, rows)), ("spread", ids(0, rows, 100))):
        pq.write_table(rows_of(pa.concat_arrays([changed, new]), rows, 7), home / f"{name}.parquet")
    day = rows // DAYS
    pq.write_table(rows_of(ids(day * 8, day * 9), rows, 7), home / "replace.parquet")


def by_hand(what: str, table: str, file: str) -> None:
    """A kind of work as `deltalake` does it, in a process of its own."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from deltalake import DeltaTable, write_deltalake

    if what in ("create", "partitioned"):
        read = pq.ParquetFile(file)
        batches = pa.RecordBatchReader.from_batches(read.schema_arrow, read.iter_batches())
        write_deltalake(table, batches, partition_by=["day"] if what == "partitioned" else None)
    elif what in ("last", "spread"):
        source = pq.read_table(file)
        low, high = (pc.min_max(source["id"])[end].as_py() for end in ("min", "max"))
        merge = DeltaTable(table).merge(
            source, f"t.id = s.id and t.id >= {low} and t.id <= {high}", source_alias="s", target_alias="t"
        )
        merge.when_matched_update_all().when_not_matched_insert_all().execute()
    elif what == "replace":
        source = pq.read_table(file)
        days = {str(day) for day in pc.unique(source["day"]).to_pylist()}
        predicate = " or ".join(f"day = '{day}'" for day in sorted(days))
        write_deltalake(table, source, mode="overwrite", predicate=predicate)


def sums_by_hand(table: pathlib.Path) -> list:
    """What is compared, of a table of `deltalake`."""
    from deltalake import DeltaTable, QueryBuilder

    found = QueryBuilder().register("t", DeltaTable(str(table))).execute(f"{SUMS} from t").read_all()
    return [str(column.to_pylist()[0]) for column in found.columns]


def timed(command: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds of a process that has to succeed: on the clock, and of the processors."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    elapsed, after = time.perf_counter() - started, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return elapsed, busy


class Bench:
    """The folder of a run: files, a project with two targets, tables of all sides."""

    def __init__(self, home: pathlib.Path, program: pathlib.Path):
        self.home, self.project, self.program = home, home / "project", str(program.resolve())
        (self.project / "models").mkdir(parents=True)
        (self.project / "dbt_project.yml").write_text("name: bench\nprofile: bench\n")
        (self.project / "profiles.yml").write_text(
            "bench:\n  target: lake\n  outputs:\n    lake: {type: datafusion, path: ../lake, schema: main}\n"
            "    duckdb: {type: duckdb, path: ../duck/bench.duckdb, schema: main}\n"
        )
        self.folders = {"transform": "lake", "deltalake": "by_hand", "duckdb": "duck"}

    def set_up(self, work: str) -> None:
        """The model for a kind of work; no tables."""
        text = f"{{{{ config({CONFIGS[work]}) }}}}\nselect * from read_parquet('{{{{ var(\"file\") }}}}')\n"
        (self.project / "models" / "orders.sql").write_text(text)
        for folder in self.folders.values():
            shutil.rmtree(self.home / folder, ignore_errors=True)
            shutil.rmtree(self.home / f"{folder}.origin", ignore_errors=True)

    def command(self, side: str, what: str, file: str) -> list[str]:
        """How a side does it."""
        path = str(self.home / f"{file}.parquet")
        if side == "deltalake":
            return [sys.executable, __file__, "--by-hand", what, str(self.home / "by_hand"), path]
        return [self.program, "run", "--quiet", "--target", "lake" if side == "transform" else side, "--vars", f"{{file: '{path}'}}"]

    def start(self, side: str) -> float:
        """What a side's process needs before it works."""
        if side == "deltalake":
            command = [sys.executable, __file__, "--by-hand", "nothing", "", ""]
        else:
            command = [self.program, "parse", "--quiet", "--target", "lake", "--vars", "{file: ''}"]
        return min(timed(command, self.project)[1] for _ in range(3))

    def turn(self, side: str, work: str) -> tuple[float, float]:
        """One measurement, on a table as it was before."""
        folder = self.home / self.folders[side]
        shutil.rmtree(folder, ignore_errors=True)
        origin = self.home / f"{folder.name}.origin"
        if work == "create":
            if side == "duckdb":
                folder.mkdir()
            return timed(self.command(side, "create", "base"), self.project)
        if not origin.exists():
            if side == "duckdb":
                folder.mkdir()
            timed(self.command(side, "partitioned" if work == "replace" else "create", "base"), self.project)
            shutil.move(folder, origin)
        shutil.copytree(origin, folder)
        return timed(self.command(side, work, work), self.project)

    def sums(self, side: str) -> list:
        """What is compared."""
        if side != "duckdb":
            return sums_by_hand(self.home / ("lake/main/orders" if side == "transform" else "by_hand"))
        inline = f"{SUMS} from main.orders"
        command = [self.program, "show", "--quiet", "--target", side, "--output", "json", "--vars", "{file: ''}", "--inline", inline]
        done = subprocess.run(command, cwd=self.project, capture_output=True, text=True, check=True)
        return [str(value) for value in json.loads(done.stdout)["show"][0].values()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", default="create,last,replace", help="kinds of work, separated by commas")
    parser.add_argument("--by-hand", nargs=3, metavar=("WHAT", "TABLE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        by_hand(*options.by_hand)
        return 0
    works = options.work.split(",")
    if not options.bin or not set(works) <= set(CONFIGS):
        parser.error(f"--bin is needed, and --work out of {', '.join(CONFIGS)}")

    good = True
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(pathlib.Path(home), options.bin)
        prepare(bench.home, options.rows)
        bench.set_up("create")
        starts = {side: bench.start(side) for side in bench.folders}
        print("to start: " + ", ".join(f"{side} {seconds:.2f} s" for side, seconds in starts.items() if side != "duckdb"))
        print(f"{options.rows} rows, {options.rounds} rounds; best seconds of processors without the start (with it), on the clock")
        for work in works:
            bench.set_up(work)
            clock: dict[str, list[float]] = {side: [] for side in bench.folders}
            busy: dict[str, list[float]] = {side: [] for side in bench.folders}
            results = {}
            for _ in range(options.rounds):
                for side in bench.folders:
                    elapsed, seconds = bench.turn(side, work)
                    clock[side].append(elapsed)
                    busy[side].append(seconds)
                    results[side] = bench.sums(side)
            alone = {side: max(min(busy[side]) - starts[side], 0.01) for side in busy}
            ratio = alone["transform"] / alone["deltalake"]
            whole = min(busy["transform"]) / min(busy["deltalake"])
            told = "  ".join(f"{s} {alone[s]:.2f} ({min(busy[s]):.2f}), {min(clock[s]):.2f}" for s in bench.folders)
            print(f"{work:<8} {told}  ratio {ratio:.2f} ({whole:.2f})", flush=True)
            good &= ratio <= GOAL
            if len({tuple(result) for result in results.values()}) != 1:
                good = False
                print("tables DIFFER:", *(f"  {side}: {result}" for side, result in results.items()), sep="\n")
    print(f"all within {GOAL:.2f}, tables equal" if good else f"NOT all within {GOAL:.2f} with equal tables")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
