/* The graph: boxes with columns. Ranks and order come with the data; what is in sight is moved together here. */
const BOX = { width: 220, head: 34, row: 21, gap: 24, between: 72, foot: 8 };
const MOST = 300;

class Graph {
  constructor(box, options) {
    this.box = box; this.options = options || {};
    this.visible = new Set(); this.open = new Set(); this.path = null;
    this.view = { x: 0, y: 0, k: 1 };
    this.edgesLayer = svg('g', { class: 'edges' });
    this.boxesLayer = svg('g', { class: 'boxes' });
    this.layer = svg('g', null, this.edgesLayer, this.boxesLayer);
    this.picture = svg('svg', { tabindex: 0, role: 'group', 'aria-label': 'Graph of resources; arrow keys move, plus and minus zoom' }, this.layer);
    const button = (text, name, act) => h('button', { type: 'button', title: name, 'aria-label': name, onclick: act }, text);
    this.tools = h('div', { class: 'tools' },
      button('+', 'Nearer', () => this.zoom(1.25)), button('−', 'Farther', () => this.zoom(0.8)), button('⤢', 'Show all', () => this.fit(true)),
      this.options.whole ? null : button('↔', 'More neighbours', () => this.widen()));
    this.message = h('p', { class: 'graph-message', 'aria-live': 'polite' });
    box.replaceChildren(this.picture, this.tools, this.message);
    this.listen();
  }

  /* The neighbourhood of a resource: nearest first, as many as are easy to read. */
  showAround(at, key) {
    const budget = 24;
    this.visible = new Set([at]);
    const steps = parentsOf(at).length + kidsOf(at).length > 2 ? 1 : 2;
    for (const next of [parentsOf, kidsOf]) {
      let edge = [at];
      let left = budget / 2;
      for (let step = 0; step < steps && left > 0; step++) {
        const far = [];
        for (const near of edge) {
          for (const other of next(near)) {
            if (left > 0 && !this.visible.has(other) && inGraph(P.nodes[other])) { this.visible.add(other); far.push(other); left -= 1; }
          }
        }
        edge = far;
      }
    }
    this.path = key === null ? null : columnPath(key);
    if (this.path) this.addPath();
    this.draw();
    this.fit();
  }
  showSet(set) {
    this.visible = new Set([...set].slice(0, MOST));
    this.draw();
    this.fit();
  }
  widen() {
    for (const at of [...this.visible]) for (const other of [...parentsOf(at), ...kidsOf(at)]) this.admit(other);
    this.draw();
    this.fit();
  }
  admit(at) {
    if (!inGraph(P.nodes[at]) || this.visible.has(at)) return;
    if (this.visible.size < MOST) this.visible.add(at);
  }
  /* Lights the way of a column, up and down; null puts it out. */
  light(key) {
    this.path = key === null || (this.path && this.path.start === key) ? null : columnPath(key);
    const before = this.visible.size;
    if (this.path) this.addPath();
    this.draw();
    if (this.visible.size !== before) this.fit();
    if (this.options.onlight) this.options.onlight(this.path ? this.path.start : null);
  }
  addPath() { for (const key of this.path.keys) this.admit(columnNode(key)); }

  columnsOf(node) {
    const all = (node.c || []).map((column, at) => at);
    const lit = new Set(this.path ? all.filter((at) => this.path.keys.has(columnKey(node.at, at))) : []);
    if (this.open.has(node.at)) return { shown: all, more: 0, lit };
    const budget = Math.max(this.visible.size > 60 ? 0 : this.path ? 3 : 5, lit.size);
    let free = budget - lit.size;
    const shown = all.filter((at) => lit.has(at) || free-- > 0);
    return { shown, more: all.length - shown.length, lit };
  }

  /* Places: ranks in sight become columns; each box near the middle of its neighbours, none over another. */
  arrange() {
    const ranks = [...new Set([...this.visible].map((at) => P.nodes[at].l[0]))].sort((a, b) => a - b);
    const columns = ranks.map(() => []);
    const boxes = new Map();
    for (const at of this.visible) {
      const node = P.nodes[at];
      const content = this.columnsOf(node);
      const height = BOX.head + content.shown.length * BOX.row + (content.more ? BOX.row : 0) + (content.shown.length || content.more ? BOX.foot : 0);
      const rank = ranks.indexOf(node.l[0]);
      const box = { at, node, content, height, rank, x: rank * (BOX.width + BOX.between), y: 0 };
      boxes.set(at, box);
      columns[rank].push(box);
    }
    for (const column of columns) {
      column.sort((a, b) => a.node.l[1] - b.node.l[1]);
      let y = 0;
      for (const box of column) { box.y = y; y += box.height + BOX.gap; }
      for (const box of column) box.y -= y / 2;
    }
    const settle = (column, next) => {
      const wishes = column.map((box) => {
        const near = next(box.at).filter((other) => boxes.has(other)).map((other) => boxes.get(other));
        return near.length ? near.reduce((sum, other) => sum + other.y + BOX.head / 2, 0) / near.length - BOX.head / 2 : box.y;
      });
      let above = 0;
      const blocks = [];
      column.forEach((box, i) => {
        box.above = above;
        let block = { mean: wishes[i] - above, boxes: [box] };
        while (blocks.length && blocks[blocks.length - 1].mean > block.mean) {
          const before = blocks.pop();
          const total = before.boxes.length + block.boxes.length;
          block = { mean: (before.mean * before.boxes.length + block.mean * block.boxes.length) / total, boxes: before.boxes.concat(block.boxes) };
        }
        blocks.push(block);
        above += box.height + BOX.gap;
      });
      for (const block of blocks) for (const box of block.boxes) box.y = block.mean + box.above;
    };
    this.columns = columns;
    for (let round = 0; round < 4; round++) {
      for (const column of columns) settle(column, parentsOf);
      for (const column of [...columns].reverse()) settle(column, kidsOf);
    }
    return boxes;
  }

  draw() {
    const boxes = this.arrange();
    this.boxes = boxes;
    const path = this.path;
    const litNodes = path ? new Set([...path.keys].map(columnNode)) : null;
    const edges = [];
    for (const box of boxes.values()) {
      for (const parent of box.node.u || []) {
        const from = boxes.get(parent);
        if (from) edges.push(this.curve(from, BOX.head / 2, box, BOX.head / 2, path ? 'edge dim' : this.options.focus !== undefined
          && (parent === this.options.focus || box.at === this.options.focus) ? 'edge near' : 'edge'));
      }
    }
    if (path) {
      for (const [from, to, kind] of path.edges) {
        const [a, b] = [boxes.get(columnNode(from)), boxes.get(columnNode(to))];
        if (a && b) edges.push(this.curve(a, this.rowY(a, from), b, this.rowY(b, to), 'edge lit kind-' + P.data.kinds[kind]));
      }
    }
    this.edgesLayer.replaceChildren(...edges);
    this.boxesLayer.replaceChildren(...[...boxes.values()].map((box) => this.drawBox(box, litNodes)));
    this.place();
  }
  rowY(box, key) {
    const row = box.content.shown.indexOf(key % WIDTH);
    return row < 0 ? BOX.head / 2 : BOX.head + row * BOX.row + BOX.row / 2 + 2;
  }
  /* A curve from box to box; where boxes stand between them it goes through the nearest gap. */
  curve(a, ay, b, by, kind) {
    const stops = [[a.x + BOX.width, a.y + ay]];
    const end = [b.x, b.y + by];
    for (let rank = a.rank + 1; rank < b.rank; rank++) {
      const x = rank * (BOX.width + BOX.between);
      const [x0, y0] = stops[stops.length - 1];
      const wished = y0 + ((end[1] - y0) * (x + BOX.width / 2 - x0)) / (end[0] - x0);
      const y = this.gap(this.columns[rank], wished);
      stops.push([x - 6, y], [x + BOX.width + 6, y]);
    }
    stops.push(end);
    let d = 'M' + stops[0];
    for (let i = 1; i < stops.length; i++) {
      const [[x1, y1], [x2, y2]] = [stops[i - 1], stops[i]];
      const bend = Math.max(18, (x2 - x1) / 2);
      d += i % 2 ? 'C' + (x1 + bend) + ',' + y1 + ' ' + (x2 - bend) + ',' + y2 + ' ' + x2 + ',' + y2 : 'H' + x2;
    }
    return svg('path', { class: kind, d });
  }
  /* The height nearest to a wished one at which no box of a column stands. */
  gap(column, wished) {
    const margin = BOX.gap / 2;
    const hit = column.find((box) => wished > box.y - margin && wished < box.y + box.height + margin);
    if (!hit) return wished;
    return wished < hit.y + hit.height / 2 ? hit.y - margin : hit.y + hit.height + margin;
  }
  drawBox(box, litNodes) {
    const { node, content } = box;
    const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);
    const dim = litNodes && !litNodes.has(box.at);
    const group = svg('g', { class: 'box k-' + node.k + (dim ? ' dim' : '') + (box.at === this.options.focus ? ' focus' : ''), transform: 'translate(' + box.x + ',' + box.y + ')' });
    const frame = svg('rect', { class: 'frame', width: BOX.width, height: box.height, rx: 7 });
    const head = svg('a', { href: address(node), class: 'head' }, svg('title', null, node.n + ' (' + (KINDS[node.k] || node.k) + ')'),
      svg('rect', { class: 'hit-area', width: BOX.width, height: BOX.head, rx: 7 }),
      svg('circle', { class: 'dot', cx: 15, cy: BOX.head / 2, r: 4 }),
      svg('text', { class: 'box-name', x: 27, y: BOX.head / 2 + 4.5 }, cut(node.n, 28)));
    group.append(frame, head);
    if (content.shown.length || content.more) group.append(svg('line', { class: 'rule', x1: 0, x2: BOX.width, y1: BOX.head, y2: BOX.head }));
    content.shown.forEach((at, row) => {
      const column = node.c[at];
      const key = columnKey(box.at, at);
      const y = BOX.head + row * BOX.row + 3;
      const act = (event) => { event.stopPropagation(); this.light(key); };
      group.append(svg('g', {
        class: 'column' + (content.lit.has(at) ? ' lit' : '') + (this.path && this.path.start === key ? ' start' : ''), tabindex: 0, role: 'button',
        'data-column': node.id + ':' + column.n, onclick: act, onkeydown: (event) => { if (event.key === 'Enter') act(event); },
      }, svg('title', null, column.n + (column.t ? ' ' + column.t : '') + (column.d ? '\n' + summary(column.d) : '')),
      svg('rect', { class: 'row-area', x: 1, y, width: BOX.width - 2, height: BOX.row, rx: 3 }),
      svg('text', { class: 'column-name', x: 15, y: y + 14.5 }, cut(column.n, 22)),
      svg('text', { class: 'column-type', x: BOX.width - 12, y: y + 14.5, 'text-anchor': 'end' }, cut((column.t || '').toLowerCase(), column.n.length > 16 ? 8 : 14))));
    });
    if (content.more || this.open.has(box.at)) {
      const all = (node.c || []).length;
      if (content.more || all > 5) {
        group.append(svg('text', { class: 'more', x: 15, y: box.height - BOX.foot - 2 + (content.more ? 0 : 5), tabindex: 0, role: 'button', onclick: (event) => {
          event.stopPropagation();
          if (!this.open.delete(box.at)) this.open.add(box.at);
          this.draw();
        } }, content.more ? (content.shown.length ? content.more + ' more' : content.more + ' columns') : ''));
      }
    }
    const hidden = (list) => list.filter((at) => inGraph(P.nodes[at]) && !this.visible.has(at));
    for (const [list, x, name] of [[hidden(parentsOf(box.at)), 0, 'parents'], [hidden(kidsOf(box.at)), BOX.width, 'readers']]) {
      if (!list.length) continue;
      group.append(svg('g', { class: 'grow', tabindex: 0, role: 'button', transform: 'translate(' + x + ',' + BOX.head / 2 + ')', onclick: (event) => {
        event.stopPropagation();
        list.slice(0, 40).forEach((at) => this.admit(at));
        this.draw();
      } }, svg('title', null, 'Show ' + list.length + ' more ' + name), svg('circle', { r: 9 }), svg('text', { y: 3.5, 'text-anchor': 'middle' }, list.length > 99 ? '…' : '+' + list.length)));
    }
    return group;
  }

  /* Pan and zoom. */
  place() { this.layer.setAttribute('transform', 'translate(' + this.view.x + ',' + this.view.y + ') scale(' + this.view.k + ')'); }
  /* The whole graph; where it would be too small to read, its start, unless all of it is asked for. */
  fit(everything) {
    const all = [...this.boxes.values()];
    const { clientWidth: width, clientHeight: height } = this.picture;
    if (!all.length || !width) { this.place(); return; }
    const left = Math.min(...all.map((box) => box.x)) - 28;
    const right = Math.max(...all.map((box) => box.x + BOX.width)) + 28;
    const top = Math.min(...all.map((box) => box.y)) - 24;
    const bottom = Math.max(...all.map((box) => box.y + box.height)) + 24;
    const k = Math.min(1, width / (right - left), height / (bottom - top));
    const focus = this.boxes.get(this.options.focus);
    this.view.k = Math.max(k, everything ? 0.05 : !this.options.whole ? 0.62 : width < 700 ? 0.45 : 0.05);
    let [cx, cy] = [(left + right) / 2, (top + bottom) / 2];
    if (this.view.k > k && focus) [cx, cy] = [focus.x + BOX.width / 2, focus.y + Math.min(focus.height, 160) / 2];
    else if (this.view.k > k) cx = Math.min(cx, left + width / 2 / this.view.k);
    this.view.x = width / 2 - cx * this.view.k;
    this.view.y = height / 2 - cy * this.view.k;
    this.place();
  }
  zoom(by, x, y) {
    const k = Math.max(0.05, Math.min(2.5, this.view.k * by));
    const [cx, cy] = [x ?? this.picture.clientWidth / 2, y ?? this.picture.clientHeight / 2];
    this.view.x = cx - ((cx - this.view.x) * k) / this.view.k;
    this.view.y = cy - ((cy - this.view.y) * k) / this.view.k;
    this.view.k = k;
    this.place();
  }
  listen() {
    let grip = null;
    this.picture.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX - this.view.x, y: event.clientY - this.view.y, moved: false, from: [event.clientX, event.clientY] };
    });
    addEventListener('pointermove', (event) => {
      if (!grip) return;
      if (!grip.moved && Math.hypot(event.clientX - grip.from[0], event.clientY - grip.from[1]) < 4) return;
      grip.moved = true;
      this.picture.classList.add('dragging');
      this.view.x = event.clientX - grip.x;
      this.view.y = event.clientY - grip.y;
      this.place();
    });
    addEventListener('pointerup', () => {
      if (grip && grip.moved) this.justDragged = true;
      setTimeout(() => { this.justDragged = false; }, 0);
      grip = null;
      this.picture.classList.remove('dragging');
    });
    this.picture.addEventListener('click', (event) => { if (this.justDragged) { event.preventDefault(); event.stopPropagation(); } }, true);
    this.picture.addEventListener('dragstart', (event) => event.preventDefault());
    this.picture.addEventListener('wheel', (event) => {
      if (!this.options.whole && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const frame = this.picture.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - frame.left, event.clientY - frame.top);
    }, { passive: false });
    this.picture.addEventListener('keydown', (event) => {
      const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
      if (moves[event.key]) { this.view.x += moves[event.key][0]; this.view.y += moves[event.key][1]; this.place(); }
      else if (event.key === '+' || event.key === '=') this.zoom(1.25);
      else if (event.key === '-') this.zoom(0.8);
      else if (event.key === '0') this.fit(true);
      else if (event.key === 'Escape' && this.path) this.light(null);
      else return;
      event.preventDefault();
    });
  }
}

/* Many resources at once: dots at the places that came with the data. A click looks closer. */
class Chart {
  constructor(box, nodes, choose) {
    this.canvas = h('canvas', { 'aria-label': 'Map of ' + nodes.length + ' resources' });
    this.tip = h('div', { class: 'tip', hidden: true });
    box.replaceChildren(this.canvas, this.tip);
    this.nodes = nodes; this.set = new Set(nodes.map((node) => node.at));
    this.view = null; this.near = null; this.box = box;
    new ResizeObserver(() => this.draw()).observe(box);
    document.addEventListener('themechange', () => this.draw());
    let grip = null;
    const at = (event) => { const frame = this.canvas.getBoundingClientRect(); return [event.clientX - frame.left, event.clientY - frame.top]; };
    this.canvas.addEventListener('pointerdown', (event) => { grip = { at: at(event), view: { ...this.view }, moved: false }; this.canvas.setPointerCapture(event.pointerId); });
    this.canvas.addEventListener('pointermove', (event) => {
      const [x, y] = at(event);
      if (grip) {
        if (Math.hypot(x - grip.at[0], y - grip.at[1]) > 4) grip.moved = true;
        if (grip.moved) { this.view.x = grip.view.x + x - grip.at[0]; this.view.y = grip.view.y + y - grip.at[1]; this.draw(); }
        return;
      }
      this.point(x, y);
    });
    this.canvas.addEventListener('pointerup', () => { if (grip && !grip.moved && this.near) choose(this.near); grip = null; });
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      const [x, y] = at(event);
      const by = Math.exp(-event.deltaY * 0.0015);
      for (const axis of ['kx', 'ky']) this.view[axis] *= by;
      this.view.x = x - (x - this.view.x) * by;
      this.view.y = y - (y - this.view.y) * by;
      this.draw();
    }, { passive: false });
  }
  spot(node) { return [this.view.x + node.l[0] * this.view.kx, this.view.y + node.l[1] * this.view.ky]; }
  point(x, y) {
    let best = 12;
    this.near = null;
    for (const node of this.nodes) {
      const [nx, ny] = this.spot(node);
      const far = Math.hypot(nx - x, ny - y);
      if (far < best) { best = far; this.near = node; }
    }
    this.tip.hidden = !this.near;
    this.canvas.style.cursor = this.near ? 'pointer' : 'grab';
    if (this.near) {
      this.tip.textContent = this.near.n;
      const [nx, ny] = this.spot(this.near);
      this.tip.style.left = nx + 10 + 'px';
      this.tip.style.top = ny - 12 + 'px';
    }
    this.draw();
  }
  draw() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    if (!this.view) {
      const xs = this.nodes.map((node) => node.l[0]);
      const ys = this.nodes.map((node) => node.l[1]);
      const range = (list) => [list.reduce((a, b) => Math.min(a, b)), list.reduce((a, b) => Math.max(a, b))];
      const [[x0, x1], [y0, y1]] = [range(xs), range(ys)];
      const kx = (width - 80) / Math.max(1, x1 - x0);
      const ky = (height - 80) / Math.max(1, y1 - y0);
      this.view = { kx, ky, x: 40 - x0 * kx, y: 40 - y0 * ky };
    }
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const paint = this.canvas.getContext('2d');
    paint.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    paint.strokeStyle = color('--edge');
    paint.lineWidth = 0.6;
    paint.globalAlpha = Math.max(0.08, Math.min(0.6, 600 / this.nodes.length));
    paint.beginPath();
    for (const node of this.nodes) {
      const [x, y] = this.spot(node);
      for (const parent of node.u || []) {
        if (!this.set.has(parent)) continue;
        const [px, py] = this.spot(P.nodes[parent]);
        const middle = (px + x) / 2;
        paint.moveTo(px, py);
        paint.bezierCurveTo(middle, py, middle, y, x, y);
      }
    }
    paint.stroke();
    paint.globalAlpha = 1;
    if (this.near) {
      paint.strokeStyle = color('--accent');
      paint.lineWidth = 1.2;
      paint.beginPath();
      for (const other of [...parentsOf(this.near.at), ...kidsOf(this.near.at)]) {
        if (!this.set.has(other)) continue;
        const [[x, y], [px, py]] = [this.spot(this.near), this.spot(P.nodes[other])];
        paint.moveTo(px, py);
        paint.bezierCurveTo((px + x) / 2, py, (px + x) / 2, y, x, y);
      }
      paint.stroke();
    }
    const size = Math.max(1.6, Math.min(4.5, this.view.ky * 0.4));
    const kinds = new Map();
    for (const node of this.nodes) { if (!kinds.has(node.k)) kinds.set(node.k, []); kinds.get(node.k).push(node); }
    for (const [kind, nodes] of kinds) {
      paint.fillStyle = color('--' + kind) || color('--model');
      paint.beginPath();
      for (const node of nodes) { const [x, y] = this.spot(node); paint.moveTo(x + size, y); paint.arc(x, y, size, 0, 7); }
      paint.fill();
    }
  }
}

/* The page of the graph: a filter above the picture. */
function graphPage(asked) {
  document.title = 'Graph · ' + P.data.project;
  const input = h('input', { id: 'filter', type: 'search', value: asked.get('select') || '', placeholder: '+orders+   tag:finance   path:models/staging   source:*',
    spellcheck: 'false', autocomplete: 'off', 'aria-label': 'Resources to show, as in dbt --select' });
  const told = h('span', { class: 'muted', id: 'told', 'aria-live': 'polite' });
  const box = h('div', { class: 'graph whole' });
  $('main').replaceChildren(h('div', { class: 'graph-page' }, h('form', { class: 'filter', onsubmit: (event) => {
    event.preventDefault();
    location.hash = '#!/graph' + (input.value.trim() ? '?select=' + encodeURIComponent(input.value.trim()) : '');
  } }, input, h('button', { type: 'submit' }, 'Show'), told, legend()), box));
  let set;
  const text = input.value.trim();
  try {
    set = text ? selectNodes(text) : new Set(P.nodes.filter((node) => inGraph(node)).map((node) => node.at));
  } catch (problem) {
    told.textContent = problem.message;
    told.className = 'bad-text';
    return;
  }
  told.textContent = set.size === 0 ? 'nothing matches' : set.size.toLocaleString() + (set.size === 1 ? ' resource' : ' resources');
  if (set.size > MOST) {
    told.textContent += ': a map; click one to look closer';
    new Chart(box, [...set].map((at) => P.nodes[at]), (node) => { location.hash = '#!/graph?select=' + encodeURIComponent('2+' + node.n + '+2'); });
    return;
  }
  const picture = new Graph(box, { whole: true, onlight: (key) => {
    const query = new URLSearchParams(text ? { select: text } : {});
    if (key !== null) query.set('column', P.nodes[columnNode(key)].id + ':' + columnOf(key).n);
    history.replaceState(null, '', '#!/graph' + (query.size ? '?' + query : ''));
  } });
  picture.showSet(set);
  const column = /^(.*?):(.*)$/.exec(asked.get('column') || '');
  if (column && P.byId.has(column[1])) {
    const node = P.nodes[P.byId.get(column[1])];
    const at = findColumn(node, column[2]);
    if (at >= 0) picture.light(columnKey(node.at, at));
  }
}
function legend() {
  const kinds = new Set(P.nodes.filter(inGraph).map((node) => node.k));
  return h('span', { class: 'legend' }, [...kinds].map((kind) => h('span', null, h('i', { class: 'dot k-' + kind }), KINDS[kind] || kind)));
}
