/* The list of resources at the side: by folder, or by database and schema. */
const Tree = {
  roots: {}, tab: 'project', open: new Set(), rows: [], current: -1, focus: 0,

  branch(name, key) { return { name, key, branches: new Map(), leaves: [] }; },
  into(root, path) {
    let at = root;
    for (const name of path) {
      if (!at.branches.has(name)) at.branches.set(name, this.branch(name, at.key + '/' + name));
      at = at.branches.get(name);
    }
    return at;
  },
  build() {
    const project = this.branch('', 'p');
    const database = this.branch('', 'd');
    const plural = { source: 'Sources', exposure: 'Exposures', metric: 'Metrics', semantic_model: 'Semantic models',
      saved_query: 'Saved queries', function: 'Functions', macro: 'Macros', test: 'Data tests', unit_test: 'Unit tests' };
    const several = new Set(P.nodes.filter((n) => !n.hide).map((n) => n.p)).size > 1;
    for (const node of P.nodes) {
      if (node.hide) continue;
      const file = (node.f || '').split('/');
      if (plural[node.k]) {
        const path = node.k === 'source' ? [plural.source, node.src] : [plural[node.k]];
        if (several && node.k !== 'source' && node.p !== P.data.project) path.push(node.p);
        this.into(project, path).leaves.push({ node, name: node.k === 'source' ? node.n.slice(node.src.length + 1) : node.n });
      } else {
        const path = file.slice(0, -1);
        this.into(project, several ? [node.p, ...path] : path).leaves.push({ node, name: node.n });
      }
      if (node.s !== undefined && node.a !== undefined) {
        this.into(database, [node.db || 'default', node.s]).leaves.push({ node, name: node.a });
      }
    }
    for (const root of [project, database]) this.sort(root);
    this.roots = { project, database };
    // Opened at first: what leads to a choice, and folders that fit on a screen.
    const begin = (branch) => {
      for (const child of branch.list) {
        if (branch.list.length === 1 || (child.count <= 30 && !names.has(child.name))) { this.open.add(child.key); begin(child); }
      }
    };
    const names = new Set(Object.values(plural));
    begin(project);
    begin(database);
  },
  sort(branch) {
    const last = new Set(['Data tests', 'Unit tests', 'Macros']);
    const order = (a, b) => (last.has(a.name) - last.has(b.name)) || a.name.localeCompare(b.name);
    branch.list = [...branch.branches.values()].sort(order);
    branch.leaves.sort((a, b) => a.name.localeCompare(b.name));
    branch.count = branch.leaves.length;
    for (const child of branch.list) branch.count += this.sort(child);
    return branch.count;
  },
  flatten() {
    const rows = [];
    const add = (branch, depth) => {
      for (const child of branch.list) {
        rows.push({ branch: child, depth });
        if (this.open.has(child.key)) add(child, depth + 1);
      }
      for (const leaf of branch.leaves) rows.push({ leaf, depth });
    };
    add(this.roots[this.tab], 0);
    this.rows = rows;
    this.list.show(rows);
  },
  row(row, at) {
    const focused = at === this.focus ? ' focused' : '';
    if (row.branch) {
      const open = this.open.has(row.branch.key);
      return this.indented(row.depth, h('div', {
        class: 'row branch' + focused, role: 'treeitem', 'aria-expanded': String(open), 'aria-level': row.depth + 1,
        onclick: () => { this.focus = at; this.toggle(row.branch.key); },
      }, h('span', { class: open ? 'twist open' : 'twist' }, '▸'), h('span', { class: 'label' }, row.branch.name),
      h('span', { class: 'count' }, row.branch.count)));
    }
    const node = row.leaf.node;
    const result = resultOf(node);
    const bad = result && /^(fail|error|runtime error)$/.test(result.s);
    return this.indented(row.depth, h('a', {
      class: 'row leaf' + (node.at === this.current ? ' current' : '') + focused, role: 'treeitem', tabindex: -1,
      'aria-level': row.depth + 1, 'aria-current': node.at === this.current ? 'page' : null, href: address(node), title: row.leaf.name,
      onclick: () => { this.focus = at; },
    }, h('span', { class: 'dot k-' + node.k }), h('span', { class: 'label' }, row.leaf.name),
    bad ? h('span', { class: 'mark bad', title: result.s }, '●') : null));
  },
  indented(depth, element) { element.style.paddingLeft = 10 + depth * 14 + 'px'; return element; },
  toggle(key) {
    if (this.open.has(key)) this.open.delete(key); else this.open.add(key);
    this.flatten();
  },
  /* Opens the branches above a resource and scrolls to it. */
  reveal(at) {
    this.current = at;
    const search = (branch) => branch.leaves.some((leaf) => leaf.node.at === at)
      || branch.list.some((child) => { const found = search(child); if (found) this.open.add(child.key); return found; });
    if (at >= 0) search(this.roots[this.tab]);
    this.flatten();
    const row = this.rows.findIndex((r) => r.leaf && r.leaf.node.at === at);
    if (row >= 0) { this.focus = row; this.list.reveal(row); }
  },
  keys(event) {
    const row = this.rows[this.focus];
    if (!row) return;
    if (event.key === 'ArrowDown') this.focus = Math.min(this.rows.length - 1, this.focus + 1);
    else if (event.key === 'ArrowUp') this.focus = Math.max(0, this.focus - 1);
    else if (event.key === 'ArrowRight' && row.branch) { if (!this.open.has(row.branch.key)) this.toggle(row.branch.key); }
    else if (event.key === 'ArrowLeft') {
      if (row.branch && this.open.has(row.branch.key)) this.toggle(row.branch.key);
      else { while (this.focus > 0 && this.rows[this.focus].depth >= row.depth) this.focus -= 1; }
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (row.branch) this.toggle(row.branch.key); else location.hash = address(row.leaf.node);
    } else return;
    event.preventDefault();
    this.list.reveal(this.focus);
  },
  start() {
    this.list = new LongList($('tree'), 28, (row, at) => this.row(row, at));
    this.build();
    const tabs = { project: 'Project', database: 'Database' };
    const draw = () => $('tabs').replaceChildren(...Object.entries(tabs).map(([key, name]) => h('button', {
      role: 'tab', type: 'button', 'aria-selected': String(key === this.tab),
      onclick: () => { this.tab = key; draw(); this.reveal(this.current); },
    }, name)));
    draw();
    $('tree').addEventListener('keydown', (event) => this.keys(event));
    this.flatten();
  },
};
