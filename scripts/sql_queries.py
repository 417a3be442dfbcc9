"""Records what DuckDB makes of queries: each block is a query (or a statement), and below it the names of its columns and its rows.

    python3 scripts/sql_queries.py src/adapters/datafusion/rewrite/tests/queries.txt

Reads the queries from the file itself: blocks are separated by empty lines, results begin with `> `. Needs the Python package `duckdb`.
"""

import sys

import duckdb


def text(value):
    return "NULL" if value is None else value


def result(connection, sql):
    try:
        relation = connection.sql(sql)
    except Exception as error:
        return ["> error: " + str(error).split("\n")[0]]
    if relation is None:
        return []
    names = relation.columns
    # Names may repeat: places are cast.
    inner = ", ".join(f'c{i}' for i in range(len(names)))
    cast = ", ".join(f"c{i}::varchar" for i in range(len(names)))
    rows = connection.execute(f"select {cast} from ({sql}) as q({inner})").fetchall()
    return ["> " + " | ".join(names)] + ["> " + " | ".join(text(v) for v in row) for row in rows]


def main(path):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    blocks = open(path, encoding="utf-8").read().strip().split("\n\n")
    out = []
    for block in blocks:
        sql = "\n".join(line for line in block.split("\n") if not line.startswith("> "))
        if not sql.strip():
            continue
        if sql.startswith("create"):
            connection.execute(sql)
            out.append(sql)
            continue
        out.append("\n".join([sql] + result(connection, sql)))
    open(path, "w", encoding="utf-8").write("\n\n".join(out) + "\n")


main(sys.argv[1])
