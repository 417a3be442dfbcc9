#!/usr/bin/env python3
"""Runs a project on a lake in an S3 bucket, and reads the bucket with other programs.

usage: scripts/check_s3.py BINARY [--venv DIR]

The bucket is one of moto's: a server for S3 on this machine, started here. A small project is built twice, tested, documented,
changed, maintained and set back; every result is compared with what is expected. Then

* two builds at once on one lake both succeed, one after the other or side by side, and no row is lost or doubled;
* what must not be there yet is written on that condition: every such request of the log and of the catalog has `If-None-Match: *`,
  and the server refuses a second one;
* wrong keys and a bucket that is not there are errors, without a panic;
* `deltalake` reads a table straight from the bucket.

moto, boto3 and deltalake are installed into an environment of their own (default: target/check_s3), made on first use. Exit code 1
if anything is not as it should be.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["moto[server]==5.2.5", "boto3", "deltalake==1.6.6", "pyarrow"]
KEYS = {"aws_access_key_id": "lake", "aws_secret_access_key": "secret", "aws_region": "us-east-1", "allow_http": "true"}
PROJECT = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "seeds/raw.csv": "id,day,amount\n1,2024-01-01,10\n2,2024-01-01,20\n3,2024-01-02,30\n",
    "models/orders.sql": "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}\n"
                         "select id, day, amount * {{ var('times', 1) }} as amount from {{ ref('raw') }}\n",
    "models/days.sql": "{{ config(materialized='table', partition_by='day') }}\n"
                       "select day, sum(amount) as amount from {{ ref('orders') }} group by 1\n",
    "models/newest.sql": "select * from {{ ref('orders') }} where day = (select max(day) from {{ ref('days') }})\n",
    "models/schema.yml": "models:\n  - {name: orders, columns: [{name: id, data_tests: [unique, not_null]}]}\n",
    "snapshots/history.yml": "snapshots:\n  - {name: history, relation: ref('orders'), "
                             "config: {unique_key: id, strategy: check, check_cols: all}}\n",
}


class Check:
    def __init__(self, binary, folder, endpoint):
        self.binary, self.folder, self.endpoint, self.wrong = binary, folder, endpoint, 0
        for path, text in PROJECT.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.target("lake", "s3://bucket/some/lake", KEYS)

    def target(self, name, path, keys):
        options = {"aws_endpoint": self.endpoint, **keys}
        # YAML reads JSON.
        output = {"type": "datafusion", "path": path, "threads": 2, "storage_options": options}
        text = json.dumps({"shop": {"target": name, "outputs": {name: output}}})
        (self.folder / "profiles.yml").write_text(text)

    def environment(self):
        # No keys of whoever runs this.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}

    def start(self, *words):
        return subprocess.Popen([self.binary, *words], cwd=self.folder, env=self.environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words, expected=0):
        process = self.start(*words)
        out, err = process.communicate(timeout=600)
        if process.returncode != expected or "panicked" in err:
            self.wrong += 1
            print(f"WRONG: {' '.join(words)} ended with {process.returncode}\n{out}{err}")
        return out, err

    def equal(self, what, got, wanted):
        if got == wanted:
            print(f"good: {what}")
        else:
            self.wrong += 1
            print(f"WRONG: {what}\n  found    {got}\n  expected {wanted}")

    def rows(self, query):
        out, _ = self.run("show", "--quiet", "--output", "json", "--limit", "-1", "--inline", query)
        table = json.loads(out) if out else []
        table = table["show"] if isinstance(table, dict) else table
        return [tuple(row.values()) for row in table]


def check(check, client, requests):
    orders = "select id, amount from {{ ref('orders') }} order by id"
    check.run("build", "--quiet")
    check.equal("first build", check.rows(orders), [(1, 10), (2, 20), (3, 30)])
    check.run("build", "--quiet", "--vars", "times: 2")
    check.equal("second build", check.rows(orders), [(1, 20), (2, 40), (3, 60)])
    history = "select count(*), count(dbt_valid_to) from {{ ref('history') }}"
    check.equal("snapshot", check.rows(history), [(6, 3)])
    check.equal("view", check.rows("select id from {{ ref('newest') }}"), [(3,)])
    check.run("test", "--quiet")
    check.run("docs", "generate", "--quiet")
    catalog = json.loads((check.folder / "target" / "catalog.json").read_text())
    check.equal("catalog", sorted(catalog["nodes"]), [
        "model.shop.days", "model.shop.newest", "model.shop.orders", "seed.shop.raw", "snapshot.shop.history"])

    listed, _ = check.run("restore", "--select", "orders", "--quiet")
    check.equal("versions are listed", len(listed.splitlines()) >= 3, True)
    check.run("restore", "--select", "orders", "--to", "0", "--quiet")
    check.equal("restored", check.rows(orders), [(1, 10), (2, 20), (3, 30)])
    check.run("maintain", "--quiet", "--retention", "0 days")
    check.equal("after maintenance", check.rows(orders), [(1, 10), (2, 20), (3, 30)])

    both = [check.start("build", "--quiet", "--target-path", f"target/{n}", "--vars", f"times: {n}") for n in (3, 4)]
    for process in both:
        out, err = process.communicate(timeout=600)
        check.equal("one of two builds at once", (process.returncode, out + err), (0, ""))
    found = check.rows("select id, amount / id from {{ ref('orders') }} order by id")
    check.equal("rows after both", found in ([(n, 30.0) for n in (1, 2, 3)], [(n, 40.0) for n in (1, 2, 3)]), True)

    logs = [r for r in requests if r["method"] == "PUT" and r["path"].endswith(".json")
            and ("/_delta_log/" in r["path"] or "/catalog/" in r["path"]) and not r["path"].endswith("_last_checkpoint")]
    check.equal("log entries and catalog versions were written", len(logs) > 10, True)
    check.equal("all of them on condition", [r["path"] for r in logs if r["condition"] != "*"], [])
    try:
        client.put_object(Bucket="bucket", Key="some/lake/_transform/catalog/00000000000000000001.json", Body=b"",
                          IfNoneMatch="*")
        answer = "accepted"
    except client.exceptions.ClientError as error:
        answer = error.response["Error"]["Code"]
    check.equal("the server keeps the condition", answer, "PreconditionFailed")

    import deltalake
    options = {"aws_endpoint": check.endpoint, **KEYS}
    table = deltalake.DeltaTable("s3://bucket/some/lake/main/orders", storage_options=options).to_pyarrow_table()
    check.equal("deltalake reads the bucket", sorted(table.column("id").to_pylist()), [1, 2, 3])

    check.target("absent", "s3://nobody/lake", KEYS)
    _, err = check.run("build", "--quiet", expected=2)
    check.equal("a bucket that is not there is named", "nobody" in err or "bucket" in err.lower(), True)
    print(err)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "check_s3")
    given = parser.parse_args()
    environment.enter(given.venv.absolute(), PACKAGES)
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server
    import threading

    requests = []
    served = DomainDispatcherApplication(create_backend_app)

    def watched(environ, start_response):
        requests.append({"method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"],
                         "condition": environ.get("HTTP_IF_NONE_MATCH")})
        return served(environ, start_response)

    os.environ.setdefault("MOTO_S3_CUSTOM_ENDPOINTS", "")
    server = make_server("127.0.0.1", 0, watched, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="lake",
                          aws_secret_access_key="secret")
    client.create_bucket(Bucket="bucket")
    folder = pathlib.Path(tempfile.mkdtemp())
    one = Check(str(pathlib.Path(given.binary).resolve()), folder, endpoint)
    try:
        check(one, client, requests)
    finally:
        server.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    print("all is as it should be" if not one.wrong else f"{one.wrong} things are wrong")
    sys.exit(1 if one.wrong else 0)


if __name__ == "__main__":
    main()
