/* Search over names, columns, descriptions, tags and code. */
const Search = {
  index: null, list: null, hits: [], chosen: 0, run: 0, code: null,

  build() {
    this.index = P.nodes.filter((node) => !node.hide).map((node) => ({
      node,
      name: node.n.toLowerCase(),
      columns: (node.c || []).map((column) => column.n.toLowerCase()),
      tags: (node.g || []).join(' ').toLowerCase(),
      text: [node.d, node.f, node.id, ...(node.c || []).map((column) => column.d || '')].join('\n').toLowerCase(),
    }));
  },
  /* How well words fit a resource, with where they were found. */
  judge(entry, words) {
    let score = isTest(entry.node) ? -30 : entry.node.k === 'macro' ? -15 : 0;
    let column = -1;
    let place = '';
    for (const word of words) {
      let best = 0;
      if (entry.name === word) best = 120;
      else if (entry.name.startsWith(word)) best = 90;
      else if (entry.name.includes(word)) best = 70;
      if (best < 80) {
        const at = entry.columns.findIndex((name) => name === word);
        const near = at >= 0 ? at : entry.columns.findIndex((name) => name.includes(word));
        if (near >= 0) {
          const worth = at >= 0 ? 75 : 45;
          if (worth > best) { best = worth; column = near; place = 'column'; }
        }
      }
      if (!best && entry.tags.includes(word)) { best = 40; place = 'tag'; }
      if (!best && entry.text.includes(word)) { best = 20; place = 'description'; }
      if (!best) return null;
      score += best;
    }
    return { node: entry.node, column, place, score: score - entry.name.length / 100 };
  },
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const hits = [];
    for (const entry of this.index) { const hit = this.judge(entry, words); if (hit) hits.push(hit); }
    return hits.sort((a, b) => b.score - a.score || (a.node.n < b.node.n ? -1 : 1));
  },
  async findCode(text, run) {
    const wanted = text.toLowerCase().trim();
    if (wanted.length < 3) return;
    const known = new Set(this.hits.map((hit) => hit.node.at));
    for (let part = 0; part < (P.data.parts || 0); part++) {
      const codes = await TRANSFORM.load('code-' + part);
      if (run !== this.run) return;
      const more = [];
      for (const [at, code] of Object.entries(codes)) {
        const node = P.nodes[at];
        if (!node || node.hide || known.has(node.at)) continue;
        if (code.some((version) => version.toLowerCase().includes(wanted))) {
          const line = code.join('\n').split('\n').find((l) => l.toLowerCase().includes(wanted)) || '';
          more.push({ node, column: -1, place: 'code', line: line.trim(), score: 0 });
        }
      }
      if (more.length) { this.hits = this.hits.concat(more); this.show(); }
    }
  },
  row(hit, at) {
    const column = hit.column >= 0 ? hit.node.c[hit.column] : null;
    const detail = hit.place === 'code' ? brief(hit.line)
      : summary(column ? column.d : hit.node.d) || (column && column.t) || hit.node.f || '';
    return h('a', {
      class: 'hit' + (at === this.chosen ? ' chosen' : ''), role: 'option', id: 'hit-' + at, tabindex: -1,
      'aria-selected': at === this.chosen ? 'true' : 'false', href: this.target(hit), onclick: () => $('search').close(),
    }, h('span', { class: 'dot k-' + hit.node.k, title: KINDS[hit.node.k] || hit.node.k }),
    h('span', { class: 'hit-name' }, hit.node.n, column ? h('span', { class: 'hit-column' }, ' › ' + column.n) : null),
    h('span', { class: hit.place === 'code' ? 'hit-detail mono' : 'hit-detail' }, detail));
  },
  target(hit) { return address(hit.node) + (hit.column >= 0 ? '?column=' + encodeURIComponent(hit.node.c[hit.column].n) : ''); },
  show() {
    this.list.show(this.hits);
    if (!this.hits.length && $('query').value.trim()) this.list.space.replaceChildren(h('p', { class: 'nothing' }, 'Nothing of this name, and no text or code with it.'));
    $('count').textContent = $('query').value.trim() ? this.hits.length + (this.hits.length === 1 ? ' result' : ' results') : '';
    $('query').setAttribute('aria-activedescendant', this.hits.length ? 'hit-' + this.chosen : '');
  },
  type() {
    const text = $('query').value;
    this.run += 1;
    this.hits = this.find(text);
    this.chosen = 0;
    $('hits').scrollTop = 0;
    this.show();
    const run = this.run;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.findCode(text, run), 200);
  },
  move(step) {
    this.chosen = Math.max(0, Math.min(this.hits.length - 1, this.chosen + step));
    this.list.reveal(this.chosen);
    this.show();
  },
  open() {
    if (!this.index) this.build();
    if (!$('search').open) $('search').showModal();
    $('query').select();
    this.type();
  },
  start() {
    this.list = new LongList($('hits'), 46, (hit, at) => this.row(hit, at));
    $('find').addEventListener('click', () => this.open());
    $('query').addEventListener('input', () => this.type());
    $('search').addEventListener('click', (event) => { if (event.target === $('search')) $('search').close(); });
    $('query').addEventListener('keydown', (event) => {
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
      if (steps[event.key]) { this.move(steps[event.key]); event.preventDefault(); }
      if (event.key === 'Escape') { $('search').close(); event.preventDefault(); }
      if (event.key === 'Enter' && this.hits[this.chosen]) {
        location.hash = this.target(this.hits[this.chosen]);
        $('search').close();
        event.preventDefault();
      }
    });
  },
};
