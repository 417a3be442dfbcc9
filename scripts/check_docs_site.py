#!/usr/bin/env python3
"""Looks at the documentation site with a real browser.

    python3 scripts/check_docs_site.py --bin target/debug/transform [--models 10000 --generator gen_project.py] [--shots DIR]

Needs playwright (pip install playwright) and Chromium (--chromium PATH, or playwright's own). It makes a project with hostile
texts everywhere, and on request a large generated one (--generator: a script that takes --models N --out DIR), and checks
* nothing of the texts becomes markup or runs, on any page, in both forms of the site (folder and one file);
* no console error; no request leaves the folder of the site;
* search by keyboard, clicking through, the path of a column, selectors, dark mode, deep links;
* underscores inside words, texts in one line, selectors that mean what they mean to `transform ls`;
* a telephone's width: nothing runs out of the page, columns are cards; paper: the page alone, nothing cut off;
* the time until a large site shows its first page, and until a search answers.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

HOSTILE = [
    "<script>hacked()</script>", "</script><script>hacked()</script>", "<img src=x onerror=hacked()>", "<svg onload=hacked()>",
    "<iframe srcdoc='<script>parent.hacked()</script>'></iframe>", "<a href='javascript:hacked()'>x</a>", "[x](javascript:hacked())",
    "[x](JaVaScRiPt:hacked())", "[x](data:text/html,<script>hacked()</script>)", "![x](javascript:hacked())", "![x](https://example.com/pixel.png)",
    "<javascript:hacked()>", "`<script>hacked()</script>`", "```html\n<script>hacked()</script>\n```", "# <img src=x onerror=hacked()>",
    "| <script>hacked()</script> | b |\n|---|---|\n| <img src=x onerror=hacked()> | d |", "- <b onmouseover=hacked()>x</b>\n- y",
    "> <object data=x onerror=hacked()>", "<!-- --><script>hacked()</script>", "<![CDATA[<script>hacked()</script>]]>", "\\u003cscript>hacked()</script>",
    "'); hacked(); ('", "\\'); hacked(); //", "`${hacked()}`", "</title><script>hacked()</script>", "</style><script>hacked()</script>",
    "&lt;script&gt;hacked()&lt;/script&gt;", "<base href=https://example.com/>", "<meta http-equiv=refresh content='0;url=https://example.com'>",
    "<form action=https://example.com><button>x</button></form>", "[x](//example.com/a)", "**" * 3000, "[" * 3000, "*_" * 2000, "\u2028\u2029 \u0000 \u202e",
]


def run(binary, project, *words):
    done = subprocess.run([binary, *words, "--project-dir", str(project)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"transform {' '.join(words)} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def hostile_project(folder):
    import json
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: hostile\nprofile: hostile\n")
    entries = []
    for number, text in enumerate(HOSTILE):
        quoted = text.replace("'", "''").replace("{", "(").replace("\x00", "")
        above = f"from {{{{ ref('m{number - 1}') }}}}" if number else ""
        odd = '"<img src=x onerror=hacked()>"'
        (folder / "models" / f"m{number}.sql").write_text(
            f"-- {quoted.splitlines()[0]}\nselect {'1' if not number else 'id'} as id, '{quoted}' as text, 2 as {odd} {above}\n")
        entries.append({"name": f"m{number}", "description": text, "meta": {"owner": text, text[:40]: [text]}, "config": {"tags": [text[:60]]},
                        "columns": [{"name": "id", "description": text, "data_tests": ["not_null"]}]})
    clean = json.loads(json.dumps({"models": entries}).replace("\\u0000", ""))
    for entry in clean["models"]:
        for holder in [entry, *entry["columns"]]:
            holder["description"] = "{% raw %}" + holder["description"].replace("{%", "").replace("{{", "") + "{% endraw %}"
    (folder / "models" / "m.yml").write_text(json.dumps(clean))


WORDS = {
    "Joins stg_shop__orders and stg_shop__customers": "Joins stg_shop__orders and stg_shop__customers",
    "is__not__bold, stg__a__b": "is__not__bold, stg__a__b",
    "__bold__ and **bold** and _em_ and snake_case_name": "bold and bold and em and snake_case_name",
    "sum_of_all_things > 3 # not a `heading`": "sum_of_all_things > 3 # not a heading",
    "2 * 3 * 4": "2 * 3 * 4",
    "größe_é__ß__ü": "größe_é__ß__ü",
    "# Head\n\nfirst\n\n- one\n- two": "Head first one two",
    "word " * 60: ("word " * 60)[:159].rstrip() + "…",
}
SELECTORS = [
    "column:base.x+", "column:base.y+", "column:base.x+1", "+column:last.x", "1+column:last.x", "@column:base.x", "column:*.x", "column:dim.k+",
    "column:dim.v1.k+", "version:latest", "version:old", "version:none", "1+test_name:not_null", "file:last", "file:last.sql", "path:models/sub",
    "config.meta.owner:ann", "unit_test:ut", "1+test_type:singular", "resource_type:model", "exposure:board", "+exposure:board", "tag:t", "mid+",
]
REFUSED = ["state:modified", "nonsense:x", "column:x", "column:nowhere.x", "column:base.nothing", "config.unique_key:id", "version:newest"]


def worded_project(folder):
    import json
    (folder / "models" / "sub").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "dbt_project.yml").write_text("name: words\nprofile: words\n")
    entries = []
    for number, text in enumerate(WORDS):
        (folder / "models" / f"w{number}.sql").write_text("select 1 as id")
        entries.append({"name": f"w{number}", "description": text})
    for name, sql in {"base": "select 1 as x, 2 as y, 3 as z", "mid": "select x, z from {{ ref('base') }} where y > 0", "sub/last": "select x from {{ ref('mid') }}",
                      "dim_v1": "select 1 as k", "dim_v2": "select z as k from {{ ref('base') }}", "reads": "select k from {{ ref('dim') }}",
                      "broken": "select (select count(*) from {{ ref('base') }}) / x as a_b_c from {{ ref('mid') }} where error('no >_< * relation')"}.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    (folder / "tests" / "one.sql").write_text("select 1 from {{ ref('mid') }} where false")
    entries += [{"name": "base", "config": {"meta": {"owner": "ann"}}, "columns": [{"name": "x", "data_tests": ["not_null"]}]}, {"name": "mid", "config": {"tags": ["t"]}},
                {"name": "dim", "latest_version": 2, "versions": [{"v": 1}, {"v": 2}]}]
    (folder / "models" / "m.yml").write_text(json.dumps({
        "models": entries, "exposures": [{"name": "board", "type": "dashboard", "owner": {"name": "ann"}, "depends_on": ["ref('last')"]}],
        "unit_tests": [{"name": "ut", "model": "mid", "given": [{"input": "ref('base')", "rows": [{"x": 1, "y": 1, "z": 1}]}], "expect": {"rows": [{"x": 1, "z": 1}]}}]}))


class Watch:
    """A page whose errors and requests are kept."""

    def __init__(self, browser, site, **options):
        self.page = browser.new_page(**{"viewport": {"width": 1360, "height": 900}, **options})
        self.problems, self.site = [], site
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("request", self.request)
        self.page.expose_function("hacked", lambda *a: self.problems.append("a text was run"))

    def request(self, request):
        url = request.url
        if not (url.startswith("file://" + str(self.site.parent)) or url.startswith("data:")):
            self.problems.append(f"left the site: {url}")

    def open(self, address=""):
        self.page.goto(f"file://{self.site}{address}")
        self.page.wait_for_selector("#main article, #main .graph-page")

    def close(self, what):
        self.page.wait_for_timeout(100)
        self.page.close()
        assert not self.problems, f"{what}: {self.problems[:5]}"
        print(f"ok  {what}")


MARKUP = "#main script, #main iframe, #main object, #main form:not(.filter), #main base, #main meta, #main [onerror], #main [onload], " \
    "#main [onmouseover], #main img, a[href^='javascript' i], a[href^='data' i], a[href^='//']"


def check_hostile(browser, site, count):
    watch = Watch(browser, site)
    watch.open()
    for number in range(count):
        watch.page.evaluate(f"location.hash = '#!/model/model.hostile.m{number}?column=id'")
        watch.page.wait_for_selector(f"h1:text-is('m{number}')")
        watch.page.wait_for_selector("#code pre")
        found = watch.page.evaluate("(what) => [...document.querySelectorAll(what)].map((e) => e.outerHTML.slice(0, 200))", MARKUP)
        assert not found, f"m{number}: {found}"
    watch.page.evaluate("location.hash = '#!/graph'")
    watch.page.wait_for_selector(".graph svg .box, .graph canvas")
    watch.page.keyboard.press("/")
    watch.page.keyboard.type("hacked")
    watch.page.wait_for_selector(".hit")
    watch.page.wait_for_timeout(400)
    assert not watch.page.query_selector("#hits script, #hits img")
    watch.close(f"hostile texts stay text ({site.name})")


def check_use(browser, site, shots):
    watch = Watch(browser, site)
    page = watch.page
    watch.open()
    page.keyboard.press("/")
    page.keyboard.type("m7")
    page.wait_for_selector(".hit.chosen")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text-is('m7')")
    page.click("#relatives .links a:text-is('m8')")
    page.wait_for_selector("h1:text-is('m8')")
    page.click("#columns tr[data-column='0'] td.name")
    page.wait_for_selector("#lineage .column.lit")
    assert "column=id" in page.evaluate("location.hash")
    lit = page.evaluate("document.querySelectorAll('#lineage .box:not(.dim)').length")
    assert lit >= 20, f"{lit} boxes on the path of a column through every model"
    watch.open("#!/graph?select=2%2Bm9%2B1&column=model.hostile.m9:id")
    page.wait_for_selector(".column.start")
    assert page.evaluate("document.querySelectorAll('.column.start').length") == 1
    for text, count in [("m1 m2", 2), ("m*", len(HOSTILE)), ("m1+2", 3), ("1+m5", 2), ("path:models,m3", 1), ("config.materialized:view,m4", 1), ("resource_type:seed", 0)]:
        page.fill("#filter", text)
        page.press("#filter", "Enter")
        page.wait_for_timeout(120)
        told = page.inner_text("#told")
        assert told.startswith("nothing" if not count else f"{count} resource"), f"{text}: {told}"
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.evaluate("history.back()")
    if shots:
        page.screenshot(path=f"{shots}/hostile.png")
    watch.close("search, links, path of a column, selectors, dark mode, deep links")


def check_words(browser, binary, project):
    import json
    site = project / "target" / "index.html"
    watch = Watch(browser, site)
    watch.open()
    for number, (text, plain) in enumerate(WORDS.items()):
        found = watch.page.evaluate("(at) => summary(P.nodes.find((n) => n.n === 'w' + at).d)", number)
        assert found == plain, f"{text!r} is {found!r}"
    watch.open("#!/model/model.words.w0")
    watch.page.wait_for_selector("h1:text-is('w0')")
    assert "stg_shop__orders and stg_shop__customers" in watch.page.inner_text("#main")
    for text in SELECTORS:
        shown = watch.page.evaluate("(text) => [...selectNodes(text)].map((at) => P.nodes[at].id).sort()", text)
        listed = subprocess.run([binary, "ls", "--quiet", "--select", text, "--output", "json", "--output-keys", "unique_id", "--project-dir", str(project)],
                                capture_output=True, text=True)
        ids = [json.loads(line)["unique_id"] for line in listed.stdout.splitlines()]
        wanted = sorted(i for i in ids if not i.startswith(("test.", "unit_test.")))
        assert wanted or text == "unit_test:ut", f"{text} selects nothing: {listed.stderr}"
        assert shown == wanted, f"{text}: {shown}, not {wanted} {listed.stderr}"
    watch.open("#!/graph")
    for text in REFUSED:
        watch.page.fill("#filter", text)
        watch.page.press("#filter", "Enter")
        watch.page.wait_for_selector("#told.bad-text")
        assert watch.page.inner_text("#told"), text
        watch.page.fill("#filter", "")
        watch.page.press("#filter", "Enter")
        watch.page.wait_for_selector("#told:not(.bad-text)")
    watch.close(f"underscores, one-line texts, {len(SELECTORS)} selectors as `ls` has them, {len(REFUSED)} refused aloud")


def check_narrow_and_paper(browser, site, shots):
    watch = Watch(browser, site, viewport={"width": 390, "height": 844})
    page = watch.page
    for name, address in [("home", ""), ("node", "#!/model/model.hostile.m7"), ("graph", "#!/graph")]:
        watch.open(address)
        page.wait_for_timeout(200)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{name} is {over} pixels too wide"
        if shots:
            page.screenshot(path=f"{shots}/narrow-{name}.png")
    watch.open("#!/model/model.hostile.m7")
    tall = page.evaluate("Math.max(...[...document.querySelectorAll('#columns tr[data-column]')].map((row) => row.offsetHeight))")
    assert tall < 220, f"a column takes {tall} pixels"
    page.click("#menu")
    page.wait_for_selector("#side .row")
    watch.close("a narrow screen")
    watch = Watch(browser, site, viewport={"width": 800, "height": 1100})
    page = watch.page
    watch.open("#!/model/model.hostile.m7")
    page.emulate_media(media="print")
    for hidden in ("#top", "#side", "#lineage"):
        assert not page.is_visible(hidden), f"{hidden} is printed"
    cut = page.evaluate("[...document.querySelectorAll('#main *')].filter((e) => getComputedStyle(e).overflowY === 'auto' && e.scrollHeight > e.clientHeight + 1).length")
    assert not cut, f"{cut} parts are cut off on paper"
    if shots:
        page.screenshot(path=f"{shots}/paper.png", full_page=True)
    watch.close("paper")


def check_large(browser, site, shots):
    watch = Watch(browser, site)
    page = watch.page
    start = time.monotonic()
    watch.open()
    page.wait_for_selector("#tree .row")
    opened = time.monotonic() - start
    total = page.evaluate("P.nodes.length")
    rows = page.evaluate("document.querySelectorAll('#tree .row').length")
    assert rows < 100, f"{rows} rows exist"
    page.keyboard.press("/")
    page.wait_for_selector("#query")
    search = page.evaluate("(() => { const t = performance.now(); $('query').value = 'customer'; Search.type(); return performance.now() - t; })()")
    page.keyboard.press("Escape")
    drawn = page.evaluate("(() => { const t = performance.now(); location.hash = '#!/graph'; route(); return performance.now() - t; })()")
    page.wait_for_selector(".graph canvas, .graph svg")
    page.wait_for_timeout(300)
    if shots:
        page.screenshot(path=f"{shots}/large-graph.png")
    node = page.evaluate("(() => { const n = P.nodes.filter((n) => n.k === 'model').pop(); const t = performance.now(); location.hash = address(n); route(); return performance.now() - t; })()")
    page.wait_for_selector("#lineage .box")
    if shots:
        page.screenshot(path=f"{shots}/large-node.png", full_page=True)
    watch.close(f"{total} resources: open {opened:.2f} s, search {search:.0f} ms, graph {drawn:.0f} ms, node {node:.0f} ms")
    assert opened < 2, "opening takes longer than 2 s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--chromium")
    parser.add_argument("--models", type=int, default=0)
    parser.add_argument("--generator")
    parser.add_argument("--large", help="a folder with a generated site of a large project, instead of making one")
    parser.add_argument("--shots")
    args = parser.parse_args()
    binary = str(pathlib.Path(args.bin).resolve())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        project = pathlib.Path(folder) / "hostile"
        hostile_project(project)
        run(binary, project, "build")
        run(binary, project, "docs", "generate", "--static")
        check_hostile(browser, project / "target" / "index.html", len(HOSTILE))
        check_hostile(browser, project / "target" / "static_index.html", len(HOSTILE))
        check_use(browser, project / "target" / "index.html", args.shots)
        check_narrow_and_paper(browser, project / "target" / "index.html", args.shots)
        worded = pathlib.Path(folder) / "worded"
        worded_project(worded)
        subprocess.run([binary, "build", "--quiet", "--project-dir", str(worded)], capture_output=True)
        run(binary, worded, "docs", "generate")
        check_words(browser, binary, worded)
        large = pathlib.Path(args.large) if args.large else None
        if args.models and args.generator:
            project = pathlib.Path(folder) / "large"
            subprocess.run([sys.executable, args.generator, "--models", str(args.models), "--out", str(project)], check=True, stdout=subprocess.DEVNULL)
            run(binary, project, "seed")
            run(binary, project, "docs", "generate")
            large = project / "target"
        if large:
            check_large(browser, large.resolve() / "index.html", args.shots)
        browser.close()


if __name__ == "__main__":
    main()
