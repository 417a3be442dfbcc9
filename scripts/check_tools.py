#!/usr/bin/env python3
"""Lets programs that drive dbt drive transform, and prints what they saw.

usage: scripts/check_tools.py --bin PATH [--tool catalogs|cosmos|dagster] [--venvs DIR]

* dbt-colibri and dbt-coverage read the manifest.json and catalog.json of `docs generate`: every model must be traced, and
  described and tested columns counted. (A model that reads itself with `{{ this }}` gives dbt-colibri an error, with the files
  that dbt writes as well: it knows the columns of parents only.)
* astronomer-cosmos (Airflow) reads a project with `dbt ls` (LoadMode.DBT_LS) and from manifest.json (LoadMode.DBT_MANIFEST);
  both must show the same nodes, and node selection in both must agree.
* dagster-dbt makes assets of a manifest that `parse` wrote, and streams a `build`: every model, seed and snapshot must give an
  asset, every data test a check with its verdict.

dbt itself is not installed: the tools find nothing but PATH. Each tool is installed from PyPI into an environment of its own
(default: target/check_tools), made on first use; Airflow is large. Exit code 0 if all is as it should be, else 1.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = {
    "catalogs": ["dbt-colibri==0.3.7", "dbt-coverage==0.5.0"],
    "cosmos": ["astronomer-cosmos==1.15.1", "apache-airflow==3.3.2"],
    # dagster-dbt imports dateutil, which it expects to come with dbt.
    "dagster": ["dagster-dbt==0.29.27", "dagster==1.13.27", "python-dateutil"],
}
PROJECT = {
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {+materialized: view}}\n"
                       "on-run-end: \"select 1 as ended\"\n",
    "seeds/raw_orders.csv": "id,customer,amount\n1,ann,5\n2,bob,7\n3,,9\n",
    "models/staging/stg_orders.sql": "{{ config(tags=['staging']) }} select id, customer, amount from {{ ref('raw_orders') }}\n",
    "models/orders.sql": "{{ config(materialized='table', meta={'owner': 'me'}) }}\nselect * from {{ ref('stg_orders') }}\n",
    "models/customers.sql": "select customer, sum(amount) as amount from {{ ref('orders') }} group by 1\n",
    "snapshots/orders_snapshot.sql": "{% snapshot orders_snapshot %}{{ config(target_schema='snaps', unique_key='id', "
                                     "strategy='check', check_cols='all') }} select * from {{ ref('orders') }}"
                                     "{% endsnapshot %}\n",
    "tests/no_eight.sql": "select * from {{ ref('orders') }} where amount = 8\n",
    "models/schema.yml": """
version: 2
exposures:
  - {name: board, type: dashboard, owner: {email: me@example.com}, depends_on: [ref('orders')]}
sources:
  - {name: raw, schema: main, tables: [{name: elsewhere}]}
models:
  - name: orders
    description: All orders
    columns:
      - {name: id, data_tests: [unique, not_null]}
      - name: customer
        data_tests:
          - not_null: {config: {severity: warn}}
unit_tests:
  - name: sums
    model: customers
    given: [{input: ref('orders'), rows: [{customer: a, amount: 1}, {customer: a, amount: 2}]}]
    expect: {rows: [{customer: a, amount: 3}]}
""",
}


def ensure(tool: str, folder: pathlib.Path) -> pathlib.Path:
    """The interpreter of an environment that has the tool."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp, wanted = folder / "installed.txt", "\n".join(PACKAGES[tool])
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES[tool]], check=True)
        stamp.write_text(wanted)
    return python


def write_project(folder: pathlib.Path) -> None:
    for path, text in PROJECT.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.removeprefix("\n"))


def expect(what: str, found, wanted) -> bool:
    """Prints a finding; whether it is as it should be."""
    good = found == wanted
    print(f"  {'ok ' if good else 'BAD'} {what}: {found}" + ("" if good else f"; should be {wanted}"))
    return good


def drive_catalogs(binary: str, project: pathlib.Path) -> bool:
    import json

    for words in (["build"], ["docs", "generate"]):
        subprocess.run([binary, *words, "--project-dir", str(project), "--profiles-dir", str(project), "--exclude", "elsewhere"],
                       capture_output=True, text=True)
    tools = pathlib.Path(sys.executable).parent
    report = project / "report"
    traced = subprocess.run([str(tools / "colibri"), "generate", "--disable-telemetry", "--output-dir", str(report)],
                            cwd=project, capture_output=True, text=True)
    good = expect("dbt-colibri ends well", traced.returncode, 0)
    errors = report / "colibri-parsing-errors.json"
    good &= expect("models it cannot trace", json.loads(errors.read_text()) if errors.exists() else [], [])
    found = json.loads((report / "colibri-manifest.json").read_text())
    edges = {(edge["source"], edge["sourceColumn"], edge["target"], edge["targetColumn"])
             for edge in found["lineage"]["edges"] if edge.get("sourceColumn") and edge.get("targetColumn")}
    wanted = ("model.shop.orders", "amount", "model.shop.customers", "amount")
    good &= expect("it traces customers.amount to orders.amount", wanted in edges, True)
    for what, share in (("doc", "0/"), ("test", "2/")):
        counted = subprocess.run([str(tools / "dbt-coverage"), "compute", what, "--project-dir", str(project)],
                                 cwd=project, capture_output=True, text=True)
        good &= expect(f"dbt-coverage compute {what} ends well", counted.returncode, 0)
        line = next((line.split() for line in counted.stdout.splitlines() if ".orders " in line), [])
        good &= expect(f"{what}s of orders", line[-2][: len(share)] if len(line) > 2 else counted.stdout, share)
    return good


def drive_cosmos(binary: str, project: pathlib.Path) -> bool:
    from cosmos.config import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import InvocationMode, LoadMode
    from cosmos.dbt.graph import DbtGraph

    subprocess.run([binary, "parse", "--project-dir", str(project), "--profiles-dir", str(project)], check=True,
                   capture_output=True)
    profile = ProfileConfig(profile_name="shop", target_name="dev", profiles_yml_filepath=project / "profiles.yml")

    def load(mode: LoadMode, **selection) -> DbtGraph:
        if mode is LoadMode.DBT_MANIFEST:
            config = ProjectConfig(manifest_path=project / "target" / "manifest.json", project_name="shop")
        else:
            config = ProjectConfig(dbt_project_path=project, project_name="shop")
        graph = DbtGraph(
            project=config,
            profile_config=profile,
            render_config=RenderConfig(dbt_executable_path=binary, load_method=mode, dbt_deps=False,
                                       invocation_mode=InvocationMode.SUBPROCESS, **selection),
            execution_config=ExecutionConfig(
                dbt_executable_path=binary, dbt_project_path=project if mode is LoadMode.DBT_MANIFEST else None
            ),
        )
        graph.load(method=mode)
        return graph

    def facts(graph: DbtGraph) -> dict:
        chosen = graph.filtered_nodes
        return {i: (n.resource_type.value, sorted(n.depends_on), sorted(n.tags), n.config.get("materialized"),
                    pathlib.Path(n.file_path).name, n.has_test) for i, n in chosen.items()}

    good = True
    for selection in ({}, {"select": ["tag:staging+1"]}, {"select": ["path:models/staging"], "exclude": ["resource_type:test"]}):
        listed, read = facts(load(LoadMode.DBT_LS, **selection)), facts(load(LoadMode.DBT_MANIFEST, **selection))
        wanted = 12 if not selection else None
        if wanted:
            good &= expect("nodes with LoadMode.DBT_LS", len(listed), wanted)
        known = {"model", "seed", "snapshot", "test", "source"}
        listed, read = ({i: f for i, f in side.items() if f[0] in known} for side in (listed, read))
        differing = sorted(i for i in set(listed) | set(read) if listed.get(i) != read.get(i))
        good &= expect(f"nodes that differ between DBT_LS and DBT_MANIFEST with {selection or 'everything'}", differing, [])
        for node in differing:
            print(f"        {listed.get(node)}\n        {read.get(node)}")
    return good


def drive_dagster(binary: str, project: pathlib.Path) -> bool:
    import collections
    import shutil

    from dagster import AssetExecutionContext, materialize
    from dagster_dbt import DbtCliResource, dbt_assets

    resource = DbtCliResource(project_dir=str(project), profiles_dir=str(project), dbt_executable=binary)
    parsed = resource.cli(["parse"], target_path=pathlib.Path("target")).wait()
    good = expect("parse succeeded", parsed.is_successful(), True)
    manifest = project / "manifest.json"
    shutil.copy(project / "target" / "manifest.json", manifest)

    def build(*more: str):
        seen = collections.Counter()

        @dbt_assets(manifest=manifest)
        def shop(context: AssetExecutionContext, dbt: DbtCliResource):
            run = dbt.cli(["build", *more], context=context)
            for event in run.stream():
                yield event
            results = run.get_artifact("run_results.json")["results"]
            # An exposure has nothing to run; dbt counts it all the same.
            seen.update(result["status"] for result in results if result["status"] != "no-op")

        return materialize([shop], resources={"dbt": resource}, raise_on_error=False), seen

    result, statuses = build()
    good &= expect("the run succeeded", result.success, True)
    made = sorted("/".join(event.asset_key.path) for event in result.get_asset_materialization_events())
    good &= expect("assets", made, ["customers", "orders", "orders_snapshot", "raw_orders", "stg_orders"])
    checks = {check.check_name: (check.passed, check.severity.value) for check in result.get_asset_check_evaluations()}
    good &= expect("checks", dict(sorted(checks.items())), {
        "no_eight": (True, "ERROR"),
        "not_null_orders_customer": (False, "WARN"),
        "not_null_orders_id": (True, "ERROR"),
        "unique_orders_id": (True, "ERROR"),
    })
    good &= expect("statuses in run_results.json", dict(sorted(statuses.items())), {"pass": 4, "success": 6, "warn": 1})
    (project / "models" / "customers.sql").write_text("select nothing_there from {{ ref('orders') }}\n")
    result, _ = build("--exclude", "test_type:unit")
    made = sorted("/".join(event.asset_key.path) for event in result.get_asset_materialization_events())
    good &= expect("a broken model fails the run", result.success, False)
    good &= expect("the other assets are made", made, ["orders", "orders_snapshot", "raw_orders", "stg_orders"])
    return good


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--tool", choices=sorted(PACKAGES))
    arguments.add_argument("--venvs", type=pathlib.Path, default=ROOT / "target" / "check_tools")
    arguments.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    binary = str(pathlib.Path(given.bin).resolve())
    if given.inside:
        drive = {"catalogs": drive_catalogs, "cosmos": drive_cosmos, "dagster": drive_dagster}[given.tool]
        return 0 if drive(binary, given.inside) else 1
    failed = 0
    for tool in [given.tool] if given.tool else sorted(PACKAGES):
        python = ensure(tool, (given.venvs / tool).absolute())
        with tempfile.TemporaryDirectory(prefix=f"check_tools_{tool}_") as work:
            project = pathlib.Path(work).resolve() / "shop"
            write_project(project)
            home = pathlib.Path(work) / "home"
            home.mkdir()
            env = {k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "AIRFLOW", "DAGSTER"))}
            env |= {"DAGSTER_HOME": str(home), "AIRFLOW_HOME": str(home), "AIRFLOW__COSMOS__ENABLE_CACHE": "False",
                    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False", "DO_NOT_TRACK": "1"}
            print(f"{tool}: {' '.join(PACKAGES[tool])}", flush=True)
            line = [str(python), __file__, "--bin", binary, "--tool", tool, "--inside", str(project)]
            done = subprocess.run(line, env=env, cwd=home, capture_output=True, text=True)
            print(done.stdout, end="")
            if done.returncode:
                failed += 1
                print(done.stderr[-6000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
