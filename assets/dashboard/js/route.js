//@ts-check
// The address of the page: which view, and what it shows. The part after # never leaves the browser.

/** @param {string} hash as `location.hash` @returns {import('./types').Route} */
export function read(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', ...rest] = path.split('/').map(decoded);
  return { view: view || 'path', rest: rest.filter(Boolean), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a view.
 * @param {string} view @param {string[]} [rest] @param {Record<string, string>} [query] */
export function link(view, rest = [], query = {}) {
  const path = [view, ...rest].map(encodeURIComponent).join('/');
  const text = new URLSearchParams(query).toString();
  return `#/${path}${text ? `?${text}` : ''}`;
}

/** Goes there. @param {string} address from `link` */
export function go(address) {
  location.hash = address;
}
