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
  switch (method) {
    case '': return (node) => name(node) || parts(node) || (value.includes('/') && matcher('path', value)(node));
    case 'fqn': return (node) => name(node) || parts(node);
    case 'tag': return (node) => (node.g || []).some((tag) => exact.test(tag));
    case 'path': case 'file': return (node) => {
      const file = node.f || '';
      const folder = value.replace(/\/+$/, '');
      return exact.test(file) || file.startsWith(folder + '/') || file.split('/').pop() === value || glob(folder + '/*').test(file);
    };
    case 'resource_type': return (node) => exact.test(node.k);
    case 'source': return (node) => node.k === 'source' && (exact.test(node.src || '') || exact.test(node.n) || exact.test(node.p + '.' + node.n));
    case 'package': return (node) => exact.test(node.p) || (value === 'this' && node.p === P.data.project);
    case 'exposure': return (node) => node.k === 'exposure' && exact.test(node.n);
    case 'metric': return (node) => node.k === 'metric' && exact.test(node.n);
    case 'group': return (node) => exact.test(node.gr || '');
    case 'access': return (node) => exact.test(node.ac || '');
    case 'column': return (node) => (node.c || []).some((column) => exact.test(column.n));
    case 'result': return (node) => exact.test((resultOf(node) || {}).s || '');
    case 'config.materialized': return (node) => exact.test(node.m || '');
    case 'config.tags': return (node) => (node.g || []).some((tag) => exact.test(tag));
    case 'config.schema': return (node) => exact.test(node.s || '');
    default: return null;
  }
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
  const matches = matcher(method, value);
  if (!matches) throw new Error('no method ' + method);
  let set = new Set(P.nodes.filter((node) => inGraph(node) && matches(node)).map((node) => node.at));
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
