/* Node selection as dbt writes it: names, globs, methods, graph operators, union by space, intersection by comma. */
function glob(pattern) {
  const text = pattern.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  try { return new RegExp('^' + text + '$', 'i'); } catch { return /^\b$/; }
}
function matcher(method, value) {
  const exact = glob(value);
  const name = (node) => exact.test(node.n) || exact.test(node.n.split('.').pop()) || exact.test(node.id);
  const parts = (node) => {
    const all = (node.q || node.n).split('.');
    const wanted = value.split('.');
    const starts = (list) => wanted.length <= list.length && wanted.every((word, at) => glob(word).test(list[at]));
    return starts(all) || starts(all.slice(1));
  };
  const oneOf = (words) => {
    if (!words.includes(value)) throw new Error(value + ' is no ' + method + ': it is one of ' + words.join(', '));
  };
  switch (method) {
    case '': return (node) => name(node) || parts(node) || (value.includes('/') && matcher('path', value)(node));
    case 'fqn': return (node) => name(node) || parts(node);
    case 'tag': case 'config.tags': return (node) => (node.g || []).some((tag) => exact.test(tag));
    case 'path': return (node) => {
      const file = node.f || '';
      const folder = value.replace(/\/+$/, '');
      return exact.test(file) || file.startsWith(folder + '/') || glob(folder + '/*').test(file);
    };
    case 'file': return (node) => {
      const file = (node.f || '').split('/').pop();
      return exact.test(file) || exact.test(file.replace(/\.[^.]*$/, ''));
    };
    case 'resource_type':
      if (!Object.keys(KINDS).some((kind) => exact.test(kind))) oneOf(Object.keys(KINDS).filter((kind) => kind !== 'macro'));
      return (node) => exact.test(node.k);
    case 'source': return (node) => node.k === 'source' && (exact.test(node.src || '') || exact.test(node.n) || exact.test(node.p + '.' + node.n));
    case 'package': return (node) => exact.test(node.p) || (value === 'this' && node.p === P.data.project);
    case 'exposure': case 'metric': case 'semantic_model': case 'saved_query': case 'unit_test': case 'function':
      return (node) => node.k === method && (exact.test(node.n) || exact.test(node.p + '.' + node.n));
    case 'group': case 'config.group': return (node) => exact.test(node.gr || '');
    case 'access': case 'config.access': return (node) => exact.test(node.ac || '');
    case 'test_name': return (node) => exact.test(node.test || (node.k === 'unit_test' && node.n) || '');
    case 'test_type':
      oneOf(['generic', 'singular', 'data', 'unit']);
      return (node) => (value === 'unit' ? node.k === 'unit_test' : node.k === 'test' && (value === 'data' || Boolean(node.test) === (value === 'generic')));
    case 'version':
      oneOf(['latest', 'prerelease', 'old', 'none']);
      return (node) => node.k === 'model' && value === (node.v === undefined ? 'none' : ['old', 'latest', 'prerelease'][1 + order(node.v, node.lv)]);
    case 'result': return (node) => exact.test((resultOf(node) || {}).s || '');
    case 'config.materialized': return (node) => exact.test(node.m || '');
    case 'config.schema': return (node) => exact.test(node.s || '');
    default:
      if (method.startsWith('config.meta.')) {
        return (node) => [method.slice(12).split('.').reduce((held, key) => (held || {})[key], node.meta)].flat().some((held) => held !== undefined && exact.test(String(held)));
      }
      throw new Error(method.startsWith('config') || ['state', 'source_status', 'selector'].includes(method)
        ? 'this page does not hold what ' + method + ': asks for: `transform ls --select` does'
        : 'there is no method ' + method + ':');
  }
}
/* Which of two versions is newer: as numbers where both are. */
function order(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? Math.sign(String(a).localeCompare(String(b))) : Math.sign(x - y);
}
/* The columns that `orders.customer_id` or `*.email` names. */
function namedColumns(value) {
  if (!P.data.lineage) throw new Error('the columns of this project were not bound when the page was made');
  const dot = value.lastIndexOf('.');
  if (dot < 0) throw new Error('column: takes a column of a resource, like column:orders.customer_id or column:*.' + value);
  const [owner, column] = [glob(value.slice(0, dot)), glob(value.slice(dot + 1))];
  const found = [];
  let named = false;
  for (const node of P.nodes) {
    if (!['model', 'seed', 'snapshot', 'source'].includes(node.k)) continue;
    const bare = node.v === undefined ? node.n : node.n.slice(0, node.n.lastIndexOf('.'));
    if (![node.n, bare, node.id, node.p + '.' + node.n].some((name) => owner.test(name))) continue;
    named = true;
    (node.c || []).forEach((held, at) => { if (!held.gone && column.test(held.n)) found.push(columnKey(node.at, at)); });
  }
  if (!found.length) throw new Error(named ? value.slice(0, dot) + ' has no column ' + value.slice(dot + 1) : 'no model, seed, snapshot or source is named ' + value.slice(0, dot));
  return found;
}
function walk(starts, next, depth) {
  const seen = new Set(starts);
  let edge = [...starts];
  for (let step = 0; edge.length && step < depth; step++) {
    const far = [];
    for (const at of edge) for (const other of next(at)) if (!seen.has(other)) { seen.add(other); far.push(other); }
    edge = far;
  }
  return seen;
}
const parentsOf = (at) => P.nodes[at].u || [];
const kidsOf = (at) => P.kids[at].filter((kid) => !isTest(P.nodes[kid]));
function selectOne(word) {
  const found = /^(@|(\d*)\+)?(?:([a-z_]+(?:\.[\w.]+)?):)?(.+?)(\+(\d*))?$/i.exec(word);
  if (!found) throw new Error('cannot read ' + word);
  const [, before, up, method = '', value, after, down] = found;
  if (method === 'column') {
    const columns = namedColumns(value);
    const all = new Set(columns.map(columnNode));
    const reach = (upwards, depth) => { for (const at of columnReach(columns, upwards, depth)) all.add(at); };
    if (before && before !== '@') reach(true, up ? Number(up) : Infinity);
    if (after || before === '@') reach(false, down ? Number(down) : Infinity);
    return before === '@' ? walk(all, parentsOf, Infinity) : all;
  }
  const matches = matcher(method, value);
  let set = new Set(P.nodes.filter((node) => !node.hide && node.k !== 'macro' && matches(node)).map((node) => node.at));
  const own = [...set];
  const join = (other) => { for (const at of other) set.add(at); };
  if (before === '@') { const all = walk(own, kidsOf, Infinity); set = walk(all, parentsOf, Infinity); }
  else if (before) join(walk(own, parentsOf, up ? Number(up) : Infinity));
  if (after) join(walk(own, kidsOf, down ? Number(down) : Infinity));
  return set;
}
/* Positions that a selector means; throws for what it cannot read. */
function selectNodes(text) {
  const all = new Set();
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const sets = word.split(',').filter(Boolean).map(selectOne);
    if (!sets.length) continue;
    for (const at of sets[0]) if (sets.every((set) => set.has(at)) && inGraph(P.nodes[at])) all.add(at);
  }
  return all;
}
