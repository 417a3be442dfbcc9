#!/usr/bin/env python3
"""Misspells one column in a large project and expects `build --check` to find it before a statement has run.

    python3 scripts/check_misspelt.py [--bin target/debug/transform] [--models 1000] [--wrong NUMBER]

The project is made in a temporary folder: chains of models, each reading the one before. The check must name the file, the
line and the column of the misspelt name, with the right one as help, and leave no relation in the database.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--bin", default="target/debug/transform")
ap.add_argument("--models", type=int, default=1000)
ap.add_argument("--wrong", type=int, default=None, help="number of the model to spoil; the one in the middle if not given")
args = ap.parse_args()
program = str(pathlib.Path(args.bin).resolve())
wrong = args.wrong or args.models // 2

with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    (root / "models").mkdir()
    (root / "dbt_project.yml").write_text("name: large\nprofile: large\nmodels: {large: {+materialized: table}}\n")
    for number in range(args.models):
        if number < 10:
            text = f"select {number} as id, 'x' as customer_name, 1.5 as amount\n"
        else:
            name = "custmer_name" if number == wrong else "customer_name"
            text = (f"{{% set parent = 'model_{number - 10}' %}}\n-- äöü: bytes are not columns\nselect\n    id,\n"
                    f"    amount + {number} as amount,\n    upper(t.{name}) as customer_name\n"
                    f"from {{{{ ref(parent) }}}} as t\n")
        (root / "models" / f"model_{number}.sql").write_text(text)
    start = time.monotonic()
    done = subprocess.run([program, "build", "--check"], cwd=root, capture_output=True, text=True)
    seconds = time.monotonic() - start
    place = re.search(r"--> (\S+)", done.stderr)
    expected = f"models/model_{wrong}.sql:6:11"
    made = subprocess.run([program, "show", "--quiet", "--output", "json", "--inline",
                           "select count(*) as n from information_schema.tables where table_schema = 'main'"],
                          cwd=root, capture_output=True, text=True).stdout
    print(f"{args.models} models, {seconds:.1f} s: {place.group(1) if place else 'no place named'}")
    problems = []
    if not place or place.group(1) != expected:
        problems.append(f"the place should be {expected}")
    if "did you mean customer_name?" not in done.stderr:
        problems.append("the right name is not told")
    if done.returncode != 1 or "nothing has run" not in done.stderr:
        problems.append(f"exit code {done.returncode}; it should be 1, and nothing run")
    if done.stderr.count("error[") != 1:
        problems.append(f"{done.stderr.count('error[')} errors; one is wrong")
    if not re.search(r'"n": ?0\b', made):
        problems.append(f"there are relations: {made.strip()}")
    print("\n".join(problems) or "found before anything ran")
    sys.exit(1 if problems else 0)
