/* Addresses, keys, light and dark; the beginning. */
function route() {
  const [, path = '', query = ''] = /^#!\/([^?]*)\??(.*)$/.exec(location.hash) || [];
  const asked = new URLSearchParams(query);
  const [kind, ...rest] = path.split('/');
  let id = rest.join('/');
  try { id = decodeURIComponent(id); } catch { /* as it is */ }
  document.body.classList.remove('show-side');
  document.body.classList.toggle('whole', kind === 'graph');
  const at = P.byId.get(id);
  if (at !== undefined) {
    Page.graph = null;
    Page.node(P.nodes[at], asked.get('column'));
    if (!asked.get('column')) $('main').scrollTop = 0;
    Tree.reveal(at);
    return;
  }
  if (kind === 'graph') graphPage(asked);
  else if (kind === 'list') Page.list(id);
  else if (kind && kind !== 'overview') {
    document.title = P.data.project;
    $('main').replaceChildren(h('article', { class: 'page' }, h('h1', null, 'Not in this project'), h('p', { class: 'mono' }, id || kind),
      h('p', null, h('a', { href: '#!/overview' }, 'To the overview'))));
  } else Page.overview();
  Tree.reveal(-1);
  $('main').scrollTop = 0;
}

const Theme = {
  set(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  },
  dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  },
  start() {
    this.set(memory.get('theme'));
    $('theme').addEventListener('click', () => {
      const theme = this.dark() ? 'light' : 'dark';
      this.set(theme);
      memory.set('theme', theme);
      document.dispatchEvent(new Event('themechange'));
    });
  },
};

function keys(event) {
  const typing = event.target.closest('input, textarea, select, [contenteditable]');
  if ((event.key === '/' && !typing) || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k')) {
    Search.open();
    event.preventDefault();
  } else if (event.key === 'g' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) location.hash = '#!/graph';
}

async function start() {
  Theme.start();
  const [data, results] = await Promise.all([TRANSFORM.load('data'), TRANSFORM.load('results')]);
  if (!data.nodes) {
    $('main').replaceChildren(h('p', { class: 'note bad' }, 'site/data.js is missing or cannot be read: copy the site as a whole, or generate it anew.'));
    return;
  }
  readProject(data, results);
  Tree.start();
  Search.start();
  $('menu').addEventListener('click', () => {
    const narrow = document.body.classList.contains('whole') || matchMedia('(max-width: 800px)').matches;
    document.body.classList.toggle(narrow ? 'show-side' : 'hide-side');
    $('menu').setAttribute('aria-expanded', String(narrow ? document.body.classList.contains('show-side') : !document.body.classList.contains('hide-side')));
  });
  addEventListener('hashchange', route);
  document.addEventListener('keydown', keys);
  route();
}
// Scripts with data come after this one; all have run when the page is complete.
if (document.readyState === 'complete') start();
else document.addEventListener('DOMContentLoaded', start);
