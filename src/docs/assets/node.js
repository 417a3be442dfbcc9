/* The page of one resource, and the first page. */
const PLURALS = { analysis: 'Analyses', saved_query: 'Saved queries' };
const RESULT_CLASS = { pass: 'good', success: 'good', warn: 'warn', fail: 'bad', error: 'bad', 'runtime error': 'bad', skipped: 'mute' };
function badge(result) {
  if (!result) return h('span', { class: 'badge mute', title: 'No result in run_results.json' }, 'no result');
  const title = [result.m, result.at].filter(Boolean).join('\n');
  const count = result.f ? ' ' + result.f : '';
  return h('span', { class: 'badge ' + (RESULT_CLASS[result.s] || 'mute'), title }, result.s + count);
}
function nodeLink(at, name) {
  const node = P.nodes[at];
  return h('a', { class: 'node-link', href: address(node) }, h('span', { class: 'dot k-' + node.k, title: KINDS[node.k] }), name || node.n);
}
function section(id, title, ...content) {
  return h('section', { id }, h('h2', null, title), content);
}
function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '');
  if (!shown.length) return null;
  return h('dl', { class: 'facts' }, shown.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))));
}
function json(value) {
  if (value === null || typeof value !== 'object') return String(value);
  return h('pre', { class: 'small' }, JSON.stringify(value, null, 2));
}
function metaRows(meta) { return Object.entries(meta || {}).map(([key, value]) => [key, json(value)]); }
function threshold(rule) { return rule && rule.count ? rule.count + ' ' + rule.period + (rule.count === 1 ? '' : 's') : null; }
function owner(node) {
  const group = node.gr ? (P.data.groups || {})[node.gr] : null;
  const who = node.o || group;
  if (who) return [who.name, who.email].filter(Boolean).join(', ');
  return (node.meta && typeof node.meta.owner === 'string' && node.meta.owner) || node.own;
}

const Page = {
  column: -1,

  node(node, wanted) {
    document.title = node.n + ' · ' + P.data.project;
    const sections = [
      this.head(node), this.notes(node),
      node.d || node.sd ? section('description', 'Description', node.d ? markdown(node.d) : null,
        node.sd ? h('div', { class: 'aside' }, h('h3', null, 'Source ' + node.src), markdown(node.sd)) : null) : null,
      (node.c || []).length ? this.columns(node) : null,
      (node.args || []).length ? section('arguments', 'Arguments', this.macroArguments(node)) : null,
      inGraph(node) && ((node.u || []).length || P.kids[node.at].some((kid) => !isTest(P.nodes[kid]))) ? this.lineage(node) : null,
      this.tests(node), this.relatives(node), this.code(node), this.details(node),
    ];
    $('main').replaceChildren(h('article', { class: 'page' }, sections));
    const column = wanted ? findColumn(node, wanted) : -1;
    this.column = -1;
    if (column >= 0) {
      this.choose(node, column, false);
      const row = document.querySelector('#columns tr[data-column="' + column + '"]');
      if (row) row.scrollIntoView({ block: 'center' });
    }
  },
  head(node) {
    const result = isTest(node) ? null : resultOf(node);
    return h('div', { class: 'head' },
      h('p', { class: 'crumbs' }, h('span', { class: 'kind k-' + node.k }, KINDS[node.k] || node.k),
        node.m && node.k !== 'test' ? h('span', null, node.m) : null,
        node.ac && node.ac !== 'protected' ? h('span', null, node.ac) : null,
        node.contract ? h('span', { title: 'The SQL keeps the declared columns and types' }, 'contract') : null,
        node.v !== undefined ? h('span', null, 'version ' + node.v + (node.v === node.lv ? ' (latest)' : '')) : null,
        isTest(node) ? badge(resultOf(node)) : null,
        result && node.k !== 'source' ? badge(result) : null),
      h('h1', null, node.n),
      node.a !== undefined ? h('p', { class: 'relation mono' }, node.reader || [node.db, node.s, node.a].filter((part) => part !== undefined).join('.')) : null,
      (node.g || []).length ? h('p', { class: 'tags' }, node.g.map((tag) => h('a', { href: '#!/graph?select=' + encodeURIComponent('tag:' + tag) }, tag))) : null);
  },
  notes(node) {
    const notes = [];
    if (node.bad) notes.push(['bad', 'This SQL cannot run: ' + node.bad]);
    if (node.why) notes.push(['mute', 'Not checked: ' + node.why + '.']);
    if (node.guess) notes.push(['warn', 'The way of columns is a guess on the safe side: ' + node.guess + '.']);
    if (node.dep) notes.push(['warn', 'Deprecated: to be removed on ' + node.dep + '.']);
    return notes.map(([kind, text]) => h('p', { class: 'note ' + kind }, text));
  },

  columns(node) {
    const tests = new Map();
    for (const at of P.tests.get(node.at) || []) {
      const test = P.nodes[at];
      if (!test.col) continue;
      const key = test.col.replace(/^"|"$/g, '').toLowerCase();
      if (!tests.has(key)) tests.set(key, []);
      tests.get(key).push(test);
    }
    const { up } = columnEdges();
    const row = (column, at) => {
      const key = columnKey(node.at, at);
      const own = tests.get(column.n.toLowerCase()) || [];
      const marks = [
        (node.pk || []).some((name) => name.toLowerCase() === column.n.toLowerCase()) ? h('span', { class: 'chip', title: 'Primary key' }, 'key') : null,
        (column.k || []).map((kind) => h('span', { class: 'chip', title: 'Constraint' }, kind.replace('_', ' '))),
        (column.g || []).map((tag) => h('span', { class: 'chip' }, tag)),
      ];
      const from = (up.get(key) || []).slice(0, 4);
      return h('tr', { 'data-column': at, tabindex: 0, class: column.gone ? 'gone' : null,
        onclick: (event) => { if (!event.target.closest('a')) this.choose(node, at, true); },
        onkeydown: (event) => { if (event.key === 'Enter' && event.target === event.currentTarget) this.choose(node, at, true); },
      }, h('td', { class: 'mono name' }, column.n, ' ', marks),
      h('td', { class: 'mono type' }, column.t || ''),
      h('td', { class: 'text' },
        column.d ? markdown(column.d) : column.com ? h('span', { class: 'muted', title: 'Comment in the database' }, column.com) : h('span', { class: 'muted' }, '–'),
        column.h ? this.inherited(column.h) : null,
        column.gone ? h('span', { class: 'chip warn' }, 'not in the table') : null,
        own.length ? h('div', { class: 'chips' }, own.map((test) => this.testChip(test))) : null),
      h('td', { class: 'from' }, from.map(([far, kind]) => h('a', {
        class: 'mono', href: address(P.nodes[columnNode(far)]) + '?column=' + encodeURIComponent(columnOf(far).n),
        title: P.nodes[columnNode(far)].n + '.' + columnOf(far).n + ' (' + P.data.kinds[kind] + ')',
      }, P.nodes[columnNode(far)].n + '.' + columnOf(far).n, kind ? h('em', null, ' ' + P.data.kinds[kind]) : null)),
      (up.get(key) || []).length > 4 ? h('span', { class: 'muted' }, '… ' + (up.get(key).length - 4) + ' more') : null));
    };
    const origins = (node.e || []).length > 0;
    return section('columns', 'Columns', h('div', { class: 'wide' }, h('table', { class: origins ? 'columns' : 'columns no-from' },
      h('thead', null, h('tr', null, ['Name', 'Type', 'Description'].map((t) => h('th', null, t)), h('th', { class: 'from' }, 'Comes from'))),
      h('tbody', null, node.c.map(row)))), h('div', { id: 'way' }));
  },
  inherited([id, name]) {
    const at = P.byId.get(id);
    const text = (at === undefined ? id : P.nodes[at].n) + '.' + name;
    return h('p', { class: 'inherited' }, 'as in ', at === undefined ? text
      : h('a', { class: 'mono', href: address(P.nodes[at]) + '?column=' + encodeURIComponent(name) }, text));
  },
  testChip(test) {
    const result = resultOf(test);
    const kind = result ? RESULT_CLASS[result.s] || 'mute' : 'mute';
    const title = result ? [result.s, result.m, result.at].filter(Boolean).join('\n') : 'no result yet';
    return h('a', { class: 'chip ' + kind, href: address(test), title }, (kind === 'good' ? '✓ ' : kind === 'bad' ? '✗ ' : '') + (test.test || test.n));
  },
  /* Shows where a column comes from and where it goes, one step each, and lights its path in the graph. */
  choose(node, at, remember) {
    const same = this.column === at;
    this.column = same ? -1 : at;
    document.querySelectorAll('#columns tr[data-column]').forEach((row) => row.classList.toggle('chosen', Number(row.dataset.column) === this.column));
    const box = $('way');
    if (this.graph) this.graph.light(same ? null : columnKey(node.at, at));
    if (remember) history.replaceState(null, '', address(node) + (same ? '' : '?column=' + encodeURIComponent(node.c[at].n)));
    if (!box) return;
    if (same) { box.replaceChildren(); return; }
    const { up, down } = columnEdges();
    const key = columnKey(node.at, at);
    const list = (title, ends, none) => h('div', null, h('h3', null, title), ends.length
      ? h('ul', null, ends.map(([far, kind]) => h('li', null, h('span', { class: 'dot k-' + P.nodes[columnNode(far)].k }),
        h('a', { class: 'mono', href: address(P.nodes[columnNode(far)]) + '?column=' + encodeURIComponent(columnOf(far).n) },
          P.nodes[columnNode(far)].n + '.' + columnOf(far).n), h('span', { class: 'muted' }, ' ' + P.data.kinds[kind]))))
      : h('p', { class: 'muted' }, none));
    box.replaceChildren(h('div', { class: 'way' }, list(node.c[at].n + ' comes from', up.get(key) || [], node.guess ? 'columns that are not known' : 'nothing in the project'),
      list('goes into', down.get(key) || [], 'nothing in the project')));
  },

  lineage(node) {
    const box = h('div', { class: 'graph small' });
    this.graph = new Graph(box, { focus: node.at });
    requestAnimationFrame(() => this.graph.showAround(node.at, this.column >= 0 ? columnKey(node.at, this.column) : null));
    return h('section', { id: 'lineage' }, h('h2', null, 'Lineage',
      h('a', { class: 'more', href: '#!/graph?select=' + encodeURIComponent('+' + node.n + '+') }, 'whole graph')), box);
  },
  tests(node) {
    const own = (P.tests.get(node.at) || []).map((at) => P.nodes[at]).filter((test) => !test.col);
    if (!own.length) return null;
    return section('tests', 'Tests', h('ul', { class: 'plain-list' }, own.map((test) => h('li', null, nodeLink(test.at), ' ', badge(resultOf(test)),
      test.d ? h('span', { class: 'muted' }, ' ' + summary(test.d)) : null))));
  },
  relatives(node) {
    const parents = (node.u || []).map((at) => nodeLink(at));
    const kids = kidsOf(node.at).map((at) => nodeLink(at));
    if (!parents.length && !kids.length) return null;
    const list = (title, all) => (all.length ? h('div', null, h('h3', null, title), h('ul', { class: 'plain-list links' }, all.slice(0, 200).map((a) => h('li', null, a)),
      all.length > 200 ? h('li', { class: 'muted' }, '… ' + (all.length - 200) + ' more') : null)) : null);
    return section('relatives', 'Dependencies', h('div', { class: 'two' }, list('Depends on', parents), list('Used by', kids)));
  },
  code(node) {
    if (node.x === undefined) return null;
    const box = h('div', { class: 'code-box' }, h('p', { class: 'muted' }, 'Loading …'));
    codeOf(node).then((versions) => {
      if (!versions.length) { box.replaceChildren(h('p', { class: 'muted' }, 'The code is not there: has site/ been copied as a whole?')); return; }
      const names = versions.length > 1 ? ['Source', 'Compiled'] : ['Source'];
      const show = (which) => box.replaceChildren(
        h('div', { class: 'switch', role: 'tablist' }, names.length > 1 ? names.map((name, at) => h('button', {
          type: 'button', role: 'tab', 'aria-selected': String(at === which), onclick: () => show(at),
        }, name)) : null), codeBlock(versions[which], node.lang));
      show(0);
    });
    return section('code', node.lang === 'python' ? 'Python' : 'SQL', box);
  },
  macroArguments(node) {
    return h('table', { class: 'columns' }, h('tbody', null, node.args.map((a) => h('tr', null,
      h('td', { class: 'mono name' }, a.name), h('td', { class: 'mono type' }, a.type || ''), h('td', { class: 'text' }, a.description ? markdown(a.description) : '')))));
  },
  details(node) {
    const result = resultOf(node);
    const fresh = node.fresh || {};
    const rows = [
      ['Owner', owner(node)], ['Group', node.gr], ['Access', node.ac], ['Package', node.p],
      ['File', node.f ? h('span', { class: 'mono' }, node.f) : null],
      ['In the database', node.rel ? node.rel.toLowerCase() : node.s !== undefined && P.data.lineage ? 'not there' : null],
      ['Comment', node.com], ['Loader', node.loader],
      ['Loaded at', node.atf || node.atq ? h("span", { class: "mono" }, node.atf || node.atq) : null],
      ['Warn after', threshold(fresh.warn_after)], ['Error after', threshold(fresh.error_after)],
      ['Freshness', node.k === 'source' && result ? [badge(result), result.age !== undefined ? ' ' + seconds(result.age) + ' old' : '', result.loaded ? [', loaded ', when(result.loaded)] : ''] : null],
      ['Tests', isTest(node) && node.on && P.byId.has(node.on) ? [nodeLink(P.byId.get(node.on)), node.col ? ' › ' + node.col : ''] : null],
      ['Severity', node.sev],
      ['Last result', node.k !== 'source' && result ? [badge(result), ' ', result.m && !/^(OK|SELECT.*|CREATE.*)$/.test(result.m) ? result.m : ''] : null],
      ['Last run', node.k !== 'source' && result && result.at ? [when(result.at), result.t !== undefined ? ', ' + seconds(result.t) : '', result.rows !== undefined ? ', ' + result.rows.toLocaleString() + ' rows' : ''] : null],
      ['Unique id', h('span', { class: 'mono' }, node.id)],
      ...Object.entries(node.props || {}).map(([key, value]) => [key.replace(/_/g, ' '), key === 'url' ? safeLink(String(value), [String(value)]) : json(value)]),
      ...metaRows(node.meta),
    ];
    return section('details', 'Details', facts(rows));
  },

  overview() {
    document.title = P.data.project;
    this.graph = null;
    const counts = new Map();
    for (const node of P.nodes) if (!node.hide && (node.p === P.data.project || node.k !== 'macro')) counts.set(node.k, (counts.get(node.k) || 0) + 1);
    const verdicts = new Map();
    const broken = [];
    for (const node of P.nodes) {
      const result = resultOf(node);
      if (!result) continue;
      verdicts.set(result.s, (verdicts.get(result.s) || 0) + 1);
      if (RESULT_CLASS[result.s] === 'bad' || result.s === 'warn') broken.push(node);
    }
    const models = P.nodes.filter((node) => node.k === 'model' && !node.hide);
    const described = models.filter((node) => node.d).length;
    const columns = models.flatMap((node) => node.c || []);
    const tested = models.filter((node) => P.tests.has(node.at)).length;
    const share = (part, whole) => (whole ? Math.round((100 * part) / whole) : 0);
    const meter = (name, part, whole) => h('div', { class: 'meter' }, h('div', { class: 'meter-name' }, name, h('span', null, share(part, whole) + ' %')),
      h('progress', { max: Math.max(1, whole), value: part, 'aria-label': name }), h('div', { class: 'muted' }, part.toLocaleString() + ' of ' + whole.toLocaleString()));
    $('main').replaceChildren(h('article', { class: 'page' },
      h('div', { class: 'head' }, h('p', { class: 'crumbs' }, h('span', null, 'Project'), h('span', null, P.data.adapter)), h('h1', null, P.data.project),
        h('p', { class: 'muted' }, 'Generated ', when(P.data.generated_at))),
      h('div', { class: 'counts' }, Object.keys(KINDS).filter((kind) => counts.has(kind)).map((kind) => [kind, counts.get(kind)]).map(([kind, count]) => h('a', { class: 'count-card', href: inGraph(P.nodes.find((n) => n.k === kind)) ? '#!/graph?select=resource_type:' + kind : '#!/list/' + kind },
        h('b', null, count.toLocaleString()), h('span', null, h('i', { class: 'dot k-' + kind }), count === 1 ? KINDS[kind] : PLURALS[kind] || KINDS[kind] + 's')))),
      P.data.overview ? section('about', 'About', markdown(P.data.overview)) : null,
      models.length ? section('cover', 'Documented and tested', h('div', { class: 'meters' }, meter('Models with a description', described, models.length),
        meter('Columns with a description', columns.filter((c) => c.d).length, columns.length), meter('Models with a test', tested, models.length))) : null,
      verdicts.size ? section('last', 'Last results', h('p', { class: 'chips' }, [...verdicts].map(([status, count]) => h('span', { class: 'badge ' + (RESULT_CLASS[status] || 'mute') }, status + ' ' + count))),
        broken.length ? h('ul', { class: 'plain-list' }, broken.slice(0, 50).map((node) => h('li', null, nodeLink(node.at), ' ', badge(resultOf(node)), ' ', h('span', { class: 'muted' }, brief(resultOf(node).m))))) : null) : null));
  },
  list(kind) {
    document.title = (KINDS[kind] || kind) + ' · ' + P.data.project;
    const all = P.nodes.filter((node) => node.k === kind && !node.hide && (kind !== 'macro' || node.p === P.data.project)).sort((a, b) => a.n.localeCompare(b.n));
    const box = h('div', { class: 'long-list' });
    $('main').replaceChildren(h('article', { class: 'page' }, h('div', { class: 'head' }, h('h1', null, KINDS[kind] || kind, ' ', h('span', { class: 'muted' }, all.length))), box));
    new LongList(box, 34, (node) => h('div', { class: 'list-row' }, nodeLink(node.at), isTest(node) ? badge(resultOf(node)) : null, h('span', { class: 'muted' }, summary(node.d)))).show(all);
  },
};
