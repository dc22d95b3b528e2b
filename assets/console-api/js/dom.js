//@ts-check
// Elements, made in one expression.

/** An element with attributes, handlers (`on…`) and children; null and false are left out.
 * @param {string} tag @param {Record<string, any> | null} [props] @param {...any} children @returns {HTMLElement} */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith('on')) /** @type {any} */ (element)[name] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
