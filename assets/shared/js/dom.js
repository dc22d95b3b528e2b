//@ts-check
// Descriptions of elements in, a page out. `render` compares a description with what is there and
// changes only the difference, so that focus, selection and scrolling survive every render.

/** @typedef {import('./vnode').VNode} VNode */

const SVG = 'http://www.w3.org/2000/svg';

/** What each node on the page was last asked to be.
 * @type {WeakMap<Node, VNode>} */
const described = new WeakMap();

/** Describes an element. Children may be nested arrays; null, undefined and false are left out.
 * @param {string} tag
 * @param {Record<string, any> | null} [props] Attributes, `on…` handlers, `key`, `style` (object),
 *   `mounted`, which is called with the element once it is on the page, and `unmounted`, which is
 *   called when this element (and not one around it) has been taken away.
 * @param {...any} children
 * @returns {VNode} */
export function h(tag, props, ...children) {
  const wanted = children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === 'object' ? child : { tag: '', props: {}, children: [], text: String(child) }));
  return { tag, props: props ?? {}, children: wanted };
}

/** Makes the content of `parent` what `vnode` describes.
 * @param {Element} parent
 * @param {VNode} vnode */
export function render(parent, vnode) {
  /** @type {(() => void)[]} */
  const mounted = [];
  reconcile(parent, [vnode], mounted);
  for (const call of mounted) call();
}

/** @param {Element} parent @param {VNode[]} wanted @param {(() => void)[]} mounted */
function reconcile(parent, wanted, mounted) {
  /** @type {Map<any, Node>} */
  const keyed = new Map();
  for (const node of parent.childNodes) {
    const key = described.get(node)?.props.key;
    if (key !== undefined) keyed.set(key, node);
  }
  /** @type {Node | null} */
  let cursor = parent.firstChild;
  for (const vnode of wanted) {
    const key = vnode.props.key;
    const candidate = key === undefined ? cursor : (keyed.get(key) ?? null);
    const node = candidate && fits(candidate, vnode) ? candidate : create(parent, vnode, mounted);
    update(node, vnode, mounted);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    parent.removeChild(cursor);
    described.get(cursor)?.props.unmounted?.();
    cursor = next;
  }
}

/** Whether this node can become what is described.
 * @param {Node} node @param {VNode} vnode */
function fits(node, vnode) {
  const now = described.get(node);
  return now !== undefined && now.tag === vnode.tag && now.props.key === vnode.props.key;
}

/** @param {Element} parent @param {VNode} vnode @param {(() => void)[]} mounted @returns {Node} */
function create(parent, vnode, mounted) {
  if (vnode.text !== undefined) {
    const text = document.createTextNode('');
    described.set(text, { ...vnode, text: '' });
    return text;
  }
  const inSvg = vnode.tag === 'svg' || parent.namespaceURI === SVG;
  const node = inSvg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  described.set(node, { tag: vnode.tag, props: { key: vnode.props.key }, children: [] });
  if (vnode.props.mounted) mounted.push(() => vnode.props.mounted(node));
  return node;
}

/** @param {Node} node @param {VNode} vnode @param {(() => void)[]} mounted */
function update(node, vnode, mounted) {
  const before = described.get(node);
  // A description that is kept says that nothing has changed.
  if (before === vnode) return;
  described.set(node, vnode);
  if (vnode.text !== undefined) {
    if (before?.text !== vnode.text) node.textContent = vnode.text;
    return;
  }
  const element = /** @type {any} */ (node);
  const old = before?.props ?? {};
  for (const name of Object.keys(old)) if (!(name in vnode.props)) set(element, name, null, old[name]);
  for (const [name, value] of Object.entries(vnode.props)) set(element, name, value, old[name]);
  reconcile(element, vnode.children, mounted);
  // After the children: the value of a <select> means one of its options.
  if ('value' in vnode.props && element.value !== vnode.props.value) element.value = vnode.props.value;
}

/** @param {any} element @param {string} name @param {any} value @param {any} old */
function set(element, name, value, old) {
  if (name === 'key' || name === 'mounted' || name === 'unmounted' || name === 'value') return;
  if (name.startsWith('on')) element[name] = value;
  else if (name === 'checked' || name === 'indeterminate') element[name] = Boolean(value);
  else if (name === 'style') {
    for (const [key, text] of Object.entries(value ?? {})) element.style.setProperty(key, text);
  } else if (value === old) return;
  else if (value === null || value === undefined || (value === false && !name.startsWith('aria-'))) {
    element.removeAttribute(name);
  } else element.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : String(value));
}
