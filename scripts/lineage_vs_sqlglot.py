#!/usr/bin/env python3
"""Measures sqlglot (PyPI) on the column-lineage corpus in tests/it/lineage/duckdb/*.txt.

    pip install sqlglot; python3 scripts/lineage_vs_sqlglot.py [--misses]

A column counts as right if sqlglot finds exactly the columns of tables whose values are in it, as the corpus says; the
kind of the edge and what decides about rows are not compared. Queries that the engine rejects, and those whose lineage
the corpus leaves open, are left out, and columns under names that the engine made up. Parameters of macros are unknown to sqlglot: those queries stay in, as in a project.
"""
import pathlib
import re
import sys
import warnings

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

warnings.simplefilter("ignore")
folder = pathlib.Path(__file__).resolve().parent.parent / "tests/it/lineage/duckdb"
misses = "--misses" in sys.argv


def columns_of(text):
    depth, start, found = 0, 0, {}
    for index, char in enumerate(text + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            column = text[start:index].strip()
            quoted = re.match(r'"([^"]*)" (.*)', column)
            name, kind = quoted.groups() if quoted else column.split(" ", 1)
            found[name], start = kind, index + 1
    return found


def sources(sql, name, schema):
    node = lineage(f'"{name}"', sql, schema=schema, dialect="duckdb")
    found = set()
    for leaf in node.walk():
        if not leaf.downstream and isinstance(leaf.expression, exp.Table):
            found.add(f"{leaf.expression.name}.{leaf.name.split('.')[-1]}".replace('"', "").lower())
    return found


right = total = queries = failed = 0
for path in sorted(folder.glob("*.txt")):
    head, *parts = path.read_text().split("\n== ")
    schema = {}
    for line in head.splitlines():
        if line.startswith("table "):
            table, columns = line[6:].split(": ", 1)
            schema[table] = columns_of(columns)
    for part in parts:
        title, body = part.split("\n", 1)
        sql, expected = body.split("\n--\n", 1)
        lines = [l for l in expected.splitlines() if l and not l.startswith(("~", "=", "?"))]
        if any(l.startswith(("!", "error")) for l in lines):
            continue
        queries += 1
        try:
            sqlglot.parse_one(sql, dialect="duckdb")
        except Exception:
            failed += 1
        for line in lines:
            left, _, origins = line.partition(" <- ")
            wanted = {re.sub(r"^(cast|expression|aggregate|window) ", "", o).lower() for o in origins.split(", ") if o}
            # The type follows the name; names hold spaces, types begin in capitals.
            match = re.match(r"(.*?) (?=[A-Z]+[A-Z0-9_]*(?:[\s(\[]|$))", left + " ")
            name = match.group(1) if match else left.split(" ")[0]
            if re.search(r"[()']", name) or name == "NULL":
                continue  # a name that the engine made up
            total += 1
            try:
                found = sources(sql, name, schema)
            except Exception as error:
                found = {f"({type(error).__name__})"}
            if found == wanted:
                right += 1
            elif misses:
                print(f"{path.stem}: {title}: {name}: wanted {sorted(wanted)}, found {sorted(found)}")
print(f"sqlglot {sqlglot.__version__}: {right} of {total} columns of {queries} queries right; {failed} queries not parsed")
