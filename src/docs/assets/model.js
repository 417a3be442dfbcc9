/* The project: resources by position, edges in both directions, tests by what they test, the way of columns. */
const KINDS = {
  model: 'Model', source: 'Source', seed: 'Seed', snapshot: 'Snapshot', analysis: 'Analysis', test: 'Data test',
  unit_test: 'Unit test', exposure: 'Exposure', metric: 'Metric', semantic_model: 'Semantic model',
  saved_query: 'Saved query', function: 'Function', macro: 'Macro',
};
const P = { nodes: [], byId: new Map(), kids: [], tests: new Map(), results: {}, data: {} };

/* What is left out or stands as a number in the data, as it was. */
function completeNode(node, data) {
  if (node.p === undefined) node.p = data.project;
  if (node.m === undefined && node.k === 'test') node.m = 'test';
  if (node.f !== undefined) node.f = data.files[node.f];
  if (node.on !== undefined) node.on = data.nodes[node.on].id;
  if (node.q === undefined && node.k !== 'macro' && node.k !== 'unit_test') {
    const folders = (node.f || '').split('/').slice(1, -1);
    node.q = [node.p, ...folders, node.n].join('.');
  }
}
function readProject(data, results) {
  // Ids first: nodes name each other.
  for (const node of data.nodes) {
    const usual = node.k + '.' + (node.p === undefined ? data.project : node.p) + '.' + node.n;
    if (node.id === undefined || node.id[0] === '.') node.id = usual + (node.id || '');
  }
  for (const node of data.nodes) completeNode(node, data);
  P.data = data; P.nodes = data.nodes; P.results = results;
  P.kids = P.nodes.map(() => []);
  P.nodes.forEach((node, at) => {
    node.at = at;
    P.byId.set(node.id, at);
    for (const parent of node.u || []) P.kids[parent].push(at);
  });
  for (const node of P.nodes) {
    if (node.k !== 'test' && node.k !== 'unit_test') continue;
    const on = node.on !== undefined ? [P.byId.get(node.on)] : node.u || [];
    for (const target of on) {
      if (target === undefined) continue;
      if (!P.tests.has(target)) P.tests.set(target, []);
      P.tests.get(target).push(node.at);
    }
  }
}
const isTest = (node) => node.k === 'test' || node.k === 'unit_test';
const inGraph = (node) => Boolean(node.l) && !node.hide;
const address = (node) => '#!/' + node.k + '/' + encodeURIComponent(node.id);
const resultOf = (node) => P.results[node.id];

/* Columns as one number: resource and column. */
const WIDTH = 65536;
const columnKey = (node, column) => node * WIDTH + column;
const columnNode = (key) => Math.floor(key / WIDTH);
const columnOf = (key) => P.nodes[columnNode(key)].c[key % WIDTH];
let columnMaps = null;
function columnEdges() {
  if (columnMaps) return columnMaps;
  const up = new Map();
  const down = new Map();
  const add = (map, key, end) => { const list = map.get(key); if (list) list.push(end); else map.set(key, [end]); };
  for (const node of P.nodes) {
    const flat = node.e || [];
    for (let i = 0; i < flat.length; i += 4) {
      const to = columnKey(node.at, flat[i]);
      const from = columnKey(flat[i + 1], flat[i + 2]);
      add(up, to, [from, flat[i + 3]]);
      add(down, from, [to, flat[i + 3]]);
    }
  }
  columnMaps = { up, down };
  return columnMaps;
}
/* Everything a column comes from and goes into. */
function columnPath(start) {
  const { up, down } = columnEdges();
  const keys = new Set([start]);
  const edges = [];
  for (const [map, upwards] of [[up, true], [down, false]]) {
    const open = [start];
    const seen = new Set(open);
    while (open.length) {
      const near = open.pop();
      for (const [far, kind] of map.get(near) || []) {
        edges.push(upwards ? [far, near, kind] : [near, far, kind]);
        keys.add(far);
        if (!seen.has(far)) { seen.add(far); open.push(far); }
      }
    }
  }
  return { start, keys, edges };
}
/* Whether it is known where a resource's columns come from. */
const isTraced = (node) => (node.k === 'model' || node.k === 'snapshot') && !node.nt;
let deciders = null;
/* Resources that filter, join, group or sort by a column. */
function decidedBy(key) {
  if (!deciders) {
    deciders = new Map();
    for (const node of P.nodes) {
      const flat = isTest(node) ? [] : node.i || [];
      for (let i = 0; i < flat.length; i += 2) {
        const from = columnKey(flat[i], flat[i + 1]);
        if (deciders.has(from)) deciders.get(from).push(node.at); else deciders.set(from, [node.at]);
      }
    }
  }
  return deciders.get(key) || [];
}
/* Positions that columns come from or reach in so many steps, as `--select column:...` counts them. */
function columnReach(starts, upwards, depth) {
  const { up, down } = columnEdges();
  const ends = upwards ? up : down;
  const found = new Set();
  const seen = new Set(starts);
  const all = (at) => (P.nodes[at].c || []).map((_, column) => columnKey(at, column));
  let near = [...starts];
  for (let step = 0; near.length && step < depth; step++) {
    const next = [];
    for (const key of near) {
      const at = columnNode(key);
      next.push(...(ends.get(key) || []).map(([far]) => far));
      if (upwards && !isTraced(P.nodes[at])) walk([at], parentsOf, Infinity).forEach((other) => found.add(other));
      if (upwards) continue;
      decidedBy(key).forEach((other) => found.add(other));
      for (const kid of kidsOf(at).filter((other) => !isTraced(P.nodes[other]))) {
        found.add(kid);
        if (P.nodes[kid].c) next.push(...all(kid));
        else walk([kid], kidsOf, depth - step - 1).forEach((other) => found.add(other));
      }
    }
    near = [];
    for (const far of next) {
      found.add(columnNode(far));
      if (!seen.has(far)) { seen.add(far); near.push(far); }
    }
  }
  return found;
}
function findColumn(node, name) {
  const columns = node.c || [];
  const exact = columns.findIndex((c) => c.n === name);
  return exact >= 0 ? exact : columns.findIndex((c) => c.n.toLowerCase() === name.toLowerCase());
}
/* Code of a resource: as written, and as compiled if that differs. */
async function codeOf(node) {
  if (node.x === undefined) return [];
  const part = await TRANSFORM.load('code-' + node.x);
  return part[node.at] || [];
}
