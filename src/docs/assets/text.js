/* Text with form: Markdown, SQL, times. In: text of the project. Out: elements that hold it as text. */

/* Only addresses that lead somewhere harmless become links. */
function safeLink(target, children) {
  const address = target.trim();
  if (/^(https?:|mailto:)/i.test(address)) {
    return h('a', { href: address, rel: 'noopener noreferrer', target: '_blank' }, children);
  }
  if (address.startsWith('#!/')) return h('a', { href: address }, children);
  return h('span', { class: 'dead', title: address }, children);
}

/* Underscores mark text only at the edges of words: names are full of them. */
const IN_WORD = /[\p{L}\p{N}_]/u;
/* Spans of a line: code, strong, emphasis, strike, links, pictures. */
function inline(text) {
  const out = [];
  let plain = '';
  const flush = () => { if (plain) out.push(plain); plain = ''; };
  let at = 0;
  while (at < text.length) {
    if (!'\\`*_~![<h '.includes(text[at])) { plain += text[at]; at += 1; continue; }
    const rest = text.slice(at, at + 2000);
    const edge = at === 0 || !IN_WORD.test(text[at - 1]);
    let found;
    if (rest[0] === '\\' && /[\\`*_{}[\]()#+\-.!|~<>]/.test(rest[1] || '')) { plain += rest[1]; at += 2; continue; }
    if ((found = /^(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/.exec(rest))) {
      flush(); out.push(h('code', null, found[2]));
    } else if ((found = /^\*\*(?=\S)([\s\S]*?\S)\*\*/.exec(rest))
      || (edge && (found = /^__(?=\S)([\s\S]*?\S)__(?![\p{L}\p{N}_])/u.exec(rest)))) {
      flush(); out.push(h('strong', null, inline(found[1])));
    } else if ((found = /^~~(?=\S)([\s\S]*?\S)~~/.exec(rest))) {
      flush(); out.push(h('s', null, inline(found[1])));
    } else if ((found = /^\*(?=\S)([^*]*?[^\s*])\*(?!\*)/.exec(rest))
      || (edge && (found = /^_(?=\S)([^_]*?[^\s_])_(?![\p{L}\p{N}_])/u.exec(rest)))) {
      flush(); out.push(h('em', null, inline(found[1])));
    } else if ((found = /^!\[([^\]]*)\]\(\s*([^\s)]+)[^)]*\)/.exec(rest))) {
      flush();
      const local = !/^([a-z][a-z0-9+.-]*:|\/)/i.test(found[2]) || /^data:image\/(png|jpeg|gif|webp);/i.test(found[2]);
      out.push(local ? h('img', { src: found[2], alt: found[1] }) : safeLink(found[2], [found[1] || found[2]]));
    } else if ((found = /^\[([^\]]+)\]\(\s*([^\s)]+)[^)]*\)/.exec(rest))) {
      flush(); out.push(safeLink(found[2], inline(found[1])));
    } else if ((found = /^<(https?:\/\/[^\s<>]+)>/i.exec(rest))) {
      flush(); out.push(safeLink(found[1], [found[1]]));
    } else if ((at === 0 || /[\s(]/.test(text[at - 1])) && (found = /^https?:\/\/[^\s<>]*[^\s<>.,;:!?)'"]/i.exec(rest))) {
      flush(); out.push(safeLink(found[0], [found[0]]));
    } else if ((found = /^ {2,}\n/.exec(rest))) {
      flush(); out.push(h('br'));
    } else { plain += text[at]; at += 1; continue; }
    at += found[0].length;
  }
  flush();
  return out;
}

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;

/* Blocks: headings, lists, tables, quotes, code, paragraphs. */
function blocks(lines, deep) {
  const out = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    let found;
    if (!line.trim()) { at += 1; continue; }
    if ((found = /^\s*(```+|~~~+)\s*([\w+-]*)/.exec(line))) {
      const body = [];
      for (at += 1; at < lines.length && !lines[at].trim().startsWith(found[1]); at++) body.push(lines[at]);
      at += 1;
      out.push(h('pre', null, h('code', null, /^(sql|jinja|duckdb)$/i.test(found[2]) ? highlight(body.join('\n')) : body.join('\n'))));
    } else if ((found = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line))) {
      out.push(h('h' + Math.min(6, found[1].length + 2), null, inline(found[2])));
      at += 1;
    } else if (RULE.test(line)) { out.push(h('hr')); at += 1;
    } else if (/^\s*>/.test(line) && deep < 8) {
      const body = [];
      for (; at < lines.length && lines[at].trim(); at++) body.push(lines[at].replace(/^\s*>\s?/, ''));
      out.push(h('blockquote', null, blocks(body, deep + 1)));
    } else if ((found = ITEM.exec(line)) && deep < 8) {
      const numbered = /\d/.test(found[2]);
      const items = [];
      const indent = found[1].length;
      while (at < lines.length) {
        const item = ITEM.exec(lines[at]);
        if (item && item[1].length <= indent + 1 && /\d/.test(item[2]) === numbered) items.push([item[3]]);
        else if (items.length && (/^\s{2,}\S/.test(lines[at]) || (lines[at].trim() && lines[at - 1].trim() && !item))) {
          items[items.length - 1].push(lines[at].replace(new RegExp('^\\s{0,' + (indent + 4) + '}'), ''));
        } else if (!lines[at].trim() && /^\s{2,}\S|^\s*([-*+]|\d+[.)])\s/.test(lines[at + 1] || '')) {
          if (items.length) items[items.length - 1].push('');
        } else break;
        at += 1;
      }
      const content = (item) => (item.slice(1).some((l) => l.trim()) ? blocks(item, deep + 1) : inline(item[0]));
      out.push(h(numbered ? 'ol' : 'ul', null, items.map((item) => h('li', null, content(item)))));
    } else if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] || '')) {
      const cells = (row) => row.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((c) => inline(c.trim().replace(/\\\|/g, '|')));
      const head = cells(line);
      const rows = [];
      for (at += 2; at < lines.length && lines[at].includes('|'); at++) rows.push(cells(lines[at]));
      out.push(h('table', null, h('thead', null, h('tr', null, head.map((c) => h('th', null, c)))),
        h('tbody', null, rows.map((row) => h('tr', null, row.map((c) => h('td', null, c)))))));
    } else {
      const body = [];
      for (; at < lines.length && lines[at].trim() && !(body.length && /^(\s*(```|~~~)|#{1,6}\s|\s*>)/.test(lines[at]))
        && !(body.length && (ITEM.test(lines[at]) || RULE.test(lines[at]))); at++) body.push(lines[at].trimStart());
      out.push(h('p', null, inline(body.join('\n'))));
    }
  }
  return out;
}
function markdown(text) {
  return h('div', { class: 'prose' }, blocks(String(text).replace(/\r\n?/g, '\n').split('\n'), 0));
}
/* A text in one line that is not too long. */
function brief(text) {
  const line = String(text || '').replace(/\s+/g, ' ').trim();
  return line.length > 160 ? line.slice(0, 159).trimEnd() + '…' : line;
}
/* The first lines of a description, without their form. */
function summary(text) {
  const start = String(text || '').slice(0, 2000);
  if (!/[\\`*_~[\]<>#|+-]|\d[.)]/.test(start)) return brief(start);
  return brief([...markdown(start).querySelectorAll('h3,h4,h5,h6,p,li,td,th,pre')]
    .filter((block) => !block.querySelector('p,li')).map((block) => block.textContent).join(' '));
}

const WORDS = new Set(('select from where group by having order qualify window limit offset union all intersect except distinct on as '
  + 'and or not in is null like ilike between exists case when then else end join left right full inner outer cross lateral '
  + 'asof semi anti using with recursive materialized over partition rows range unbounded preceding following current row '
  + 'insert into values update set delete merge matched create or replace table view temp temporary if drop alter cast try_cast '
  + 'true false asc desc nulls first last filter within interval date timestamp exclude pivot unpivot sample tablesample '
  + 'primary key references default for struct array map unnest any some').split(' '));
const TOKEN = new RegExp([
  '(\\{#[\\s\\S]*?(?:#\\}|$)|--[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$))', // comment
  '(\\{\\{[\\s\\S]*?(?:\\}\\}|$)|\\{%[\\s\\S]*?(?:%\\}|$))', // Jinja
  "('(?:[^']|'')*(?:'|$))", // text
  '("(?:[^"]|"")*(?:"|$))', // name
  '(\\b\\d[\\w.]*)', // number
  '([A-Za-z_][\\w$]*)', // word
].join('|'), 'g');
function highlight(code) {
  const out = document.createDocumentFragment();
  let last = 0;
  const plain = (to) => { if (to > last) out.append(code.slice(last, to)); };
  for (const found of code.matchAll(TOKEN)) {
    const [whole, comment, jinja, text, , number, word] = found;
    let kind = null;
    if (comment) kind = 'hl-c'; else if (jinja) kind = 'hl-j'; else if (text) kind = 'hl-s'; else if (number) kind = 'hl-n';
    else if (word && WORDS.has(word.toLowerCase())) kind = 'hl-k';
    else if (word && code[found.index + whole.length] === '(') kind = 'hl-f';
    if (!kind) continue;
    plain(found.index);
    out.append(h('span', { class: kind }, whole));
    last = found.index + whole.length;
  }
  plain(code.length);
  return out;
}
const HIGHLIGHT_LIMIT = 200000;
function codeBlock(code, language) {
  const body = language === 'python' || code.length > HIGHLIGHT_LIMIT ? code : highlight(code);
  const button = h('button', { class: 'copy', type: 'button', onclick: () => {
    const done = () => { button.textContent = 'Copied'; setTimeout(() => { button.textContent = 'Copy'; }, 1200); };
    if (navigator.clipboard) navigator.clipboard.writeText(code).then(done, () => {});
  } }, 'Copy');
  return h('div', { class: 'code' }, button, h('pre', { tabindex: 0 }, h('code', null, body)));
}

function when(text) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return String(text);
  return h('time', { datetime: text, title: text }, time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }));
}
function seconds(value) {
  if (value >= 172800) return Math.round(value / 86400) + ' days';
  if (value >= 7200) return Math.round(value / 3600) + ' hours';
  if (value >= 120) return Math.round(value / 60) + ' minutes';
  return (value < 10 ? value.toFixed(2) : Math.round(value)) + ' s';
}
