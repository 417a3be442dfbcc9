"""Records what DuckDB makes of SQL expressions: `expression <TAB> type <TAB> value as text`, one a line.

    python3 scripts/sql_values.py src/adapters/datafusion/functions/tests/values.txt

Reads the expressions from the file itself, so a new one is added as a line of its own. Needs the Python package `duckdb`.
"""

import sys

import duckdb


def split(expression):
    """The select item and what follows it."""
    head, found, tail = expression.partition(" from (values")
    if not found:
        head, found, tail = expression.partition(" from (select")
    return head, found + tail


def value(connection, expression):
    item, source = split(expression)
    query = f"select v::varchar, typeof(v) from (select {item} as v{source})"
    try:
        text, kind = connection.execute(query).fetchone()
    except Exception as error:
        return "error", str(error).split("\n")[0]
    return kind, "NULL" if text is None else text


def main(path):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    lines = []
    for line in open(path, encoding="utf-8").read().splitlines():
        expression = line.split("\t")[0].strip()
        if expression and not expression.startswith("#"):
            kind, text = value(connection, expression)
            line = f"{expression}\t{kind}\t{text}"
        lines.append(line)
    open(path, "w", encoding="utf-8").write("\n".join(lines) + "\n")


main(sys.argv[1])
