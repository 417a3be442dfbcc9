/* Documentation site. All text of the project reaches the page through text nodes and attributes, never as markup. */
'use strict';

/* Parts of the data: handed over by scripts beside the page, or lying in the page as blocks of JSON. */
const TRANSFORM = {
  parts: new Map(),
  waiting: new Map(),
  part(name, json) {
    this.parts.set(name, JSON.parse(json));
    (this.waiting.get(name) || []).forEach((done) => done(this.parts.get(name)));
    this.waiting.delete(name);
  },
  load(name) {
    if (this.parts.has(name)) return Promise.resolve(this.parts.get(name));
    const block = document.getElementById('part-' + name);
    if (block) {
      this.part(name, block.textContent);
      block.remove();
      return Promise.resolve(this.parts.get(name));
    }
    return new Promise((done) => {
      const others = this.waiting.get(name);
      if (others) { others.push(done); return; }
      this.waiting.set(name, [done]);
      const script = document.createElement('script');
      script.src = 'site/' + name + '.js';
      script.onerror = () => this.part(name, '{}');
      document.head.append(script);
    });
  },
};

/* Elements. A function among the attributes listens to an event. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}
function h(tag, attributes, ...children) { return fill(document.createElement(tag), attributes, children); }
function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}
const $ = (id) => document.getElementById(id);

/* A long list of rows of one height, of which only those in sight exist. */
class LongList {
  constructor(box, height, row) {
    this.box = box; this.height = height; this.row = row; this.items = [];
    this.space = h('div', { class: 'space' });
    box.replaceChildren(this.space);
    box.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
  }
  show(items) {
    this.items = items;
    this.space.style.height = items.length * this.height + 'px';
    this.draw();
  }
  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 5);
    const last = Math.min(this.items.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + 5);
    const rows = [];
    for (let at = first; at < last; at++) {
      const row = this.row(this.items[at], at);
      row.style.top = at * this.height + 'px';
      row.style.height = this.height + 'px';
      rows.push(row);
    }
    this.space.replaceChildren(...rows);
  }
  reveal(at) {
    const top = at * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.height > this.box.scrollTop + this.box.clientHeight) {
      this.box.scrollTop = top + this.height - this.box.clientHeight;
    }
    this.draw();
  }
}

/* What browsers may refuse to keep. */
const memory = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* not kept */ } },
};
