#!/usr/bin/env python3
"""Builds projects as lakes and reads every table with other programs.

usage: scripts/check_readers.py BINARY [PROJECT ...] [--venv DIR]

Without projects: the sample at the root of the repository and every project under examples/ that has a target `lake` for all of
its models. A project is copied, built twice with `--target lake` and once on its first target. Then each table of the lake is read

* with `deltalake` and with `polars`, which know nothing but the Delta log,
* with DuckDB's `delta_scan` where that extension is there, else with DuckDB from the Parquet files that the log names,

and compared, columns by name and rows in any order, with what `transform show` prints of it. (What DuckDB as the project's own
engine has in the same relation is compared by compare_engines.py.)

deltalake, polars and duckdb are installed into an environment of their own (default: target/check_readers), made on first use.
Exit code 1 if a reader fails or differs.
"""

import argparse
import datetime
import decimal
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["deltalake==1.6.6", "polars==2.1.0", "duckdb==2.0.0", "pyarrow"]


def plain(value):
    """A value in a form that all readers share; that of JSON for what JSON has no word for."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, decimal.Decimal)):
        value = float(value)
        return "nan" if math.isnan(value) else f"{value:.9g}"
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return value.isoformat(sep=" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return tuple(plain(v) for v in value)
    if isinstance(value, dict):
        return tuple(sorted((k, plain(v)) for k, v in value.items()))
    return moment(str(value))


def moment(text):
    """Text that is a point in time, as it is written here."""
    try:
        return plain(datetime.datetime.fromisoformat(text)) if len(text) >= 19 and text[4:5] == "-" else text
    except ValueError:
        return text


def told(rows):
    return sorted(repr(sorted((k, plain(v)) for k, v in row.items())) for row in rows)


def own(binary, project, relation):
    words = ["show", "--quiet", "--output", "json", "--limit", "-1", "--target", "lake", "--inline",
             f"select * from {relation}"]
    done = subprocess.run([binary, *words], cwd=project, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{relation} in {project.name}: {done.stdout}{done.stderr}")
    table = json.loads(done.stdout)
    return table["show"] if isinstance(table, dict) else table


def readers(folder):
    """Name of a program -> a function that reads the table."""
    import deltalake
    import duckdb
    import polars

    table = deltalake.DeltaTable(str(folder))

    def with_duckdb():
        database = duckdb.connect()
        try:
            database.execute("load delta")
            found = database.sql(f"select * from delta_scan('{folder}')")
        except duckdb.Error:
            # The extension is a download. Without it: the files that the log names, with the folders' values as columns.
            files = table.file_uris()
            if not files:
                return []
            found = database.sql(f"select * from read_parquet({files!r}, hive_partitioning = true, union_by_name = true)")
        return [dict(zip(found.columns, row)) for row in found.fetchall()]

    return {
        "deltalake": lambda: table.to_pyarrow_table().to_pylist(),
        "polars": lambda: polars.read_delta(str(folder)).to_dicts(),
        "duckdb": with_duckdb,
    }


def tables(binary, project, lake):
    """Relation -> folder, of everything that the catalog says is a table."""
    versions = sorted((lake / "_transform" / "catalog").glob("*.json"))
    if not versions:
        sys.exit(f"{lake} has no catalog")
    out = subprocess.run([binary, "show", "--quiet", "--output", "json", "--limit", "-1", "--target", "lake", "--inline",
                          "select table_schema, table_name from information_schema.tables where table_type <> 'VIEW' "
                          "and table_schema <> 'information_schema'"], cwd=project, capture_output=True, text=True)
    listed = json.loads(out.stdout)
    for row in listed["show"] if isinstance(listed, dict) else listed:
        yield f'"{row["table_schema"]}"."{row["table_name"]}"', lake / row["table_schema"] / row["table_name"]


def compare(binary, project):
    from compare_engines import run

    wrong = 0
    for _ in range(2):
        run(binary, project, "build", "--quiet", "--target", "lake")
    lake = next(project.glob("*.lake"))
    for relation, folder in tables(binary, project, lake):
        expected = told(own(binary, project, relation))
        for name, read in readers(folder).items():
            try:
                found = told(read())
            except Exception as error:
                wrong += 1
                print(f"  {relation}: {name} FAILS: {error}")
                continue
            if found == expected:
                continue
            wrong += 1
            print(f"  {relation}: {name} DIFFERS: {len(found)} rows, expected {len(expected)}")
            for row in [r for r in found if r not in set(expected)][:2]:
                print(f"    only {name}: {row}")
            for row in [r for r in expected if r not in set(found)][:2]:
                print(f"    only show: {row}")
        print(f"  {relation}: {len(expected)} rows")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("projects", nargs="*", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "check_readers")
    given = parser.parse_args()
    environment.enter(given.venv.absolute(), PACKAGES)
    from compare_engines import copied, projects

    binary, wrong = str(pathlib.Path(given.binary).resolve()), 0
    for project in given.projects or projects():
        print(project)
        with tempfile.TemporaryDirectory() as folder:
            wrong += compare(binary, copied(project.resolve(), pathlib.Path(folder)))
    print("all readers agree" if not wrong else f"{wrong} readings differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
