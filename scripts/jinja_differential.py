#!/usr/bin/env python3
"""Renders the cases under tests/it/jinja with dbt's own Jinja environment and records what Python says.

The cases are the contract of `src/jinja`: the Rust tests render the same templates and compare with the recorded results.
    scripts/jinja_differential.py           rewrites the expectations of every case
    scripts/jinja_differential.py --check   fails if a recorded expectation is not what Python says
Jinja2 and dbt-common are installed from PyPI into target/jinja_differential on first use. The format of a case:
    === name
    context: {"a": 1}        variables, JSON (optional)
    options: native          render as a YAML value: the result is shown as type and repr (optional)
    options: permissive      render with the undefined values of dbt's parser (optional)
    differs: why             the Rust engine is known to give another result (optional)
    --- macros               macro blocks that the template can call (optional)
    --- template
    --- expected             the text, or
    --- error                the message with which Python fails
The last line end of a section does not belong to it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "it" / "jinja"
VENV = ROOT / "target" / "jinja_differential"
REQUIREMENTS = ["jinja2==3.1.6", "dbt-common==1.39.0", "pytz"]
HEADERS = ("context", "options", "differs")
RENDER_CHARS = re.compile(r"({[{%#]|[#}%]})")
SECTIONS = ("macros", "template", "expected", "error")


def enter_venv():
    """Runs this script again with the packages it needs."""
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


class Case:
    """One case of a file: its header lines and sections in order."""

    def __init__(self, name):
        self.name = name
        self.headers = {}
        self.sections = {}

    def show(self):
        lines = [f"=== {self.name}"]
        lines += [f"{key}: {self.headers[key]}" for key in HEADERS if key in self.headers]
        for key in SECTIONS:
            if key in self.sections:
                lines += [f"--- {key}", self.sections[key]]
        return "\n".join(lines) + "\n"


def read(path):
    """The cases of a file."""
    cases, section, lines = [], None, []

    def close():
        if section is not None:
            cases[-1].sections[section] = "\n".join(lines)

    for line in path.read_bytes().decode().split("\n"):
        if line.startswith("=== "):
            close()
            cases.append(Case(line[4:]))
            section = None
        elif line.startswith("--- ") and line[4:] in SECTIONS:
            close()
            section, lines = line[4:], []
        elif section is not None:
            lines.append(line)
        elif line:
            key, _, value = line.partition(": ")
            assert key in HEADERS, f"{path}: {line}"
            cases[-1].headers[key] = value
    if section is not None and lines and lines[-1] == "":
        lines.pop()
    close()
    return cases


def base_context():
    """The functions of dbt's base context that the cases use."""
    import datetime
    import itertools

    import pytz
    from dbt_common.exceptions.macros import MacroReturn

    def give_back(value=None):
        raise MacroReturn(value)

    def to_json(value, default=None, sort_keys=False):
        try:
            return json.dumps(value, sort_keys=sort_keys)
        except ValueError:
            return default

    def from_json(text, default=None):
        try:
            return json.loads(text)
        except ValueError:
            return default

    def to_set(value, default=None):
        try:
            return set(value)
        except TypeError:
            return default

    def zipped(*args, default=None):
        try:
            return zip(*args)
        except TypeError:
            return default

    modules = {"datetime": datetime, "re": re, "pytz": pytz, "itertools": itertools}
    context = {"return": give_back, "tojson": to_json, "fromjson": from_json, "set": to_set, "zip": zipped}
    context.update({"modules": modules, "context": context})
    return context


def unescape(text):
    """Line ends other than a line feed are written as escapes in a case."""
    return text.replace("<CR>", "\r")


def render(case):
    """What Python gives for a case: ("expected", text) or ("error", message)."""
    from dbt_common.clients import jinja

    class Macro:
        def __init__(self, name, sql):
            self.name, self.macro_sql = name, sql
            self.unique_id = f"macro.root.{name}"

    options = case.headers.get("options", "").split()
    context = base_context()
    context.update(json.loads(case.headers.get("context", "{}")))
    blocks = jinja.extract_toplevel_blocks(case.sections.get("macros", ""), {"macro"}, collect_raw_data=False)
    for block in blocks:
        macro = Macro(block.block_name, block.full_block)
        context[block.block_name] = jinja.CallableMacroGenerator(macro, context)
    try:
        native = "native" in options
        text = unescape(case.sections["template"])
        if not native and not RENDER_CHARS.search(text):
            return "expected", text.replace("\r", "<CR>")  # dbt takes such text over as it is
        template = jinja.get_template(text, context, None, capture_macros="permissive" in options, native=native)
        value = jinja.render_template(template, context)
        if native:
            value = str(value) if isinstance(value, str) else value  # dbt's markers are text
            value = f"{type(value).__name__} {value!r}"
        return "expected", value.replace("\r", "<CR>")
    except Exception as error:  # every failure is a result here
        message = str(getattr(error, "msg", error)).strip().split("\n")[0]
        return "error", message.replace("dbt_macro__", "")


def main():
    enter_venv()
    check = "--check" in sys.argv[1:]
    stale, total = [], 0
    for path in sorted(CASES.glob("*.txt")):
        cases = read(path)
        names = [case.name for case in cases]
        assert len(names) == len(set(names)), f"{path}: a name occurs twice"
        for case in cases:
            total += 1
            kind, text = render(case)
            recorded = {key: case.sections.pop(key, None) for key in ("expected", "error")}
            case.sections[kind] = text
            if recorded[kind] != text:
                stale.append(f"{path.name}: {case.name}")
        if not check:
            path.write_bytes("".join(case.show() for case in cases).encode())
    for name in stale:
        print(("stale: " if check else "recorded: ") + name)
    print(f"{total} cases, {len(stale)} {'stale' if check else 'changed'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
