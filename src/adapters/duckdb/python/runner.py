"""Runs one Python model for the program that started it.

One line of JSON asks, one answers: the first line on standard input is the job; from then on this side asks to read a
relation or to store one, and each time waits for the answer. Data goes through Parquet files in a folder of the job.
What the model prints is passed on; standard output itself is for the JSON alone.
"""

import json
import os
import queue
import re
import sys
import threading
import traceback
import types

# Parquet has no such types, or keeps less of them: they travel as text.
AS_TEXT = re.compile(r"\b(U?HUGEINT|BIT|BIGNUM|INTERVAL|TIME_NS|UNION|VARIANT)\b|\bTIME WITH TIME ZONE\b")
# A type that cannot be restored by a cast from what was read.
UNCAST = re.compile(r'^"?NULL"?$|GEOMETRY')
RESULT = "__transform_result"
# The folder of the engine's module, once it is known.
ENGINE = "\0"


class Parent:
    """The program that started this one."""

    def __init__(self):
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        # From here on, whatever writes to standard output writes to standard error.
        os.dup2(2, 1)
        self.lock = threading.Lock()
        self.lines = queue.Queue()
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        for line in sys.stdin:
            self.lines.put(line)
        # Nobody is left to work for.
        os._exit(1)

    def hear(self):
        return json.loads(self.lines.get())

    def tell(self, **message):
        with self.lock:
            self.out.write(json.dumps(message) + "\n")
            self.out.flush()

    def ask(self, **message):
        self.tell(**message)
        return self.hear()


class Printer:
    """Stands in for sys.stdout and sys.stderr."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, parent):
        self.parent = parent
        self.rest = ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.parent.tell(print=line.rsplit("\r", 1)[-1])
        return len(text)

    def flush(self):
        pass

    def finish(self):
        if self.rest:
            self.write("\n")

    def isatty(self):
        return False

    def writable(self):
        return True

    def readable(self):
        return False

    def fileno(self):
        return 2


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Warehouse:
    """The relations of the warehouse, fetched when they are asked for."""

    def __init__(self, parent, con, module):
        self.parent, self.con, self.duckdb = parent, con, module
        self.known = {}

    def read(self, name):
        """The query that reads the relation of that name; None with the reason if there is none."""
        if name not in self.known:
            answer = self.parent.ask(read=name)
            if "error" in answer:
                return None, answer["error"]
            columns = [
                quoted(c) if UNCAST.search(t) else f"{quoted(c)}::{t} as {quoted(c)}" for c, t in answer["columns"]
            ]
            self.known[name] = f"select {', '.join(columns)} from read_parquet({literal(answer['path'])})"
            self.show(name, self.known[name])
        return self.known[name], None

    def show(self, name, query):
        """Makes the relation known to SQL under its name."""
        parts = re.findall(r'"(?:[^"]|"")*"|[^".]+', name)
        if len(parts) != 3 or ".".join(parts) != name:
            return
        database, schema, _ = parts
        try:
            self.con.execute(f"attach if not exists ':memory:' as {database}")
            self.con.execute(f"create schema if not exists {database}.{schema}")
            self.con.execute(f"create or replace view {name} as {query}")
        except self.duckdb.Error:
            pass

    def load(self, name):
        query, reason = self.read(name)
        if query is None:
            raise self.duckdb.CatalogException(reason)
        return self.con.query(query)

    def fetch_for(self, names):
        """Fetches what is not here yet; whether there was any such."""
        found = False
        for name in names:
            parts = re.findall(r'"(?:[^"]|"")*"|[^".]+', name)
            name = ".".join(p if p.startswith('"') else quoted(p) for p in parts)
            name = self.parent.ask(complete=name).get("name", name)
            if name not in self.known:
                found = self.read(name)[0] is not None or found
        return found


class Session:
    """A DuckDB connection that fetches relations of the warehouse when SQL names them."""

    RETRIED = {"sql", "query", "execute", "executemany", "from_query", "table", "view"}

    def __init__(self, con, warehouse):
        self._con, self._warehouse = con, warehouse

    def __getattr__(self, name):
        member = getattr(self._con, name)
        if name in ("cursor", "duplicate"):
            return lambda: Session(member(), self._warehouse)
        if name not in self.RETRIED:
            return member

        def call(*args, **kwargs):
            module = self._warehouse.duckdb
            try:
                result = member(*args, **kwargs)
            except (module.CatalogException, module.BinderException):
                sql = args[0] if args else next(iter(kwargs.values()), None)
                if not isinstance(sql, str) or not self._fetch(name, sql):
                    raise
                result = member(*args, **kwargs)
            return self if result is self._con else result

        return call

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def _fetch(self, name, sql):
        if name in ("table", "view"):
            return self._warehouse.fetch_for([sql])
        try:
            names = self._con.get_table_names(sql, qualified=True)
        except Exception:
            return False
        return self._warehouse.fetch_for(sorted(names))


class Store:
    """What the function behind the model gets as its connection: it stores the result."""

    def __init__(self, parent, con, module, folder):
        self.parent, self.con, self.duckdb, self.folder = parent, con, module, folder

    def create_table(self, relation, df, temporary=False, layout=()):
        if df is None:
            raise TypeError("the function model() returned None; it has to return a dataframe or relation")
        if not isinstance(df, self.duckdb.DuckDBPyRelation):
            # A stream of the model's connection is still open on it.
            con = self.con.cursor()
            con.register(RESULT, df)
            df = con.query(f"select * from {RESULT}")
        columns = [(name, str(kind)) for name, kind in zip(df.columns, df.types)]
        path = os.path.join(self.folder, "result.parquet")
        if any(AS_TEXT.search(kind) for _, kind in columns):
            terms = [
                f"{quoted(name)}::varchar as {quoted(name)}" if AS_TEXT.search(kind) else quoted(name)
                for name, kind in columns
            ]
            df = df.project(", ".join(terms))
        df.write_parquet(path)
        restored = [(name, None if UNCAST.search(kind) else kind) for name, kind in columns]
        answer = self.parent.ask(
            store=relation, path=path, columns=restored, temporary=temporary, layout=list(layout)
        )
        if "error" in answer:
            raise self.duckdb.Error(answer["error"])


def connect(module, job, parent):
    con = module.connect(":memory:")
    # So that SQL finds dataframes in the model's variables past the frames of this file.
    con.execute("set python_scan_all_frames = true")
    for sql in job["setup"]:
        try:
            con.execute(sql)
        except module.Error as error:
            parent.tell(log=f"not set up in the Python session: {error}")
    if job["database"] != "memory":
        con.execute(f"attach ':memory:' as {quoted(job['database'])}")
        con.execute(f"use {quoted(job['database'])}")
    return con


def event_loop():
    """Code that is written for a notebook or a server expects one."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


def run(job, parent):
    import linecache

    try:
        import duckdb
    except ImportError:
        parent.tell(missing="duckdb", python=sys.executable)
        return
    global ENGINE
    ENGINE = os.path.dirname(duckdb.__file__)
    sys.path[:0] = [p for p in job["paths"] if p not in sys.path]
    event_loop()
    con = connect(duckdb, job, parent)
    warehouse = Warehouse(parent, con, duckdb)
    code = "\n" * (job["first_line"] - 1) + job["code"]
    linecache.cache[job["file"]] = (len(code), None, code.splitlines(True), job["file"])
    module = types.ModuleType(job["name"])
    module.__file__ = job["file"]
    sys.modules[job["name"]] = module
    exec(compile(code, job["file"], "exec"), module.__dict__)
    df = module.model(module.dbtObj(warehouse.load), Session(con, warehouse))
    module.materialize(df, Store(parent, con, duckdb, job["folder"]))


def failure(error, file):
    """An exception without the frames of this file."""
    own = traceback.TracebackException.from_exception(error)
    lines, link = [], own
    while link is not None:
        lines[:0] = [frame.lineno for frame in link.stack if frame.filename == file]
        # This file's frames and the inside of the engine's module tell nothing; the marks under code differ from one
        # Python to the next.
        kept = [frame for frame in link.stack if frame.filename != "<string>" and not frame.filename.startswith(ENGINE)]
        kept = [traceback.FrameSummary(f.filename, f.lineno, f.name, line=f.line) for f in kept]
        link.stack = traceback.StackSummary.from_list(kept)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    if isinstance(error, SyntaxError) and error.filename == file and error.lineno:
        lines.append(error.lineno)
    last = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    return {
        "failed": last[-1] if isinstance(error, SyntaxError) else (last or [type(error).__name__])[0],
        "trace": "".join(own.format()).rstrip(),
        "lines": lines,
        "missing_module": getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None,
        "python": sys.executable,
    }


def main():
    parent = Parent()
    job = parent.hear()
    sys.stdout, sys.stderr = Printer(parent), Printer(parent)
    try:
        run(job, parent)
    except BaseException as error:
        outcome = failure(error, job["file"])
    else:
        outcome = {"done": True}
    sys.stdout.finish()
    sys.stderr.finish()
    parent.tell(**outcome)
    # Threads of libraries and what waits at exit are no concern of the model.
    os._exit(0)


if __name__ == "__main__":
    main()
