//@ts-check
// Calls on behalf of the user: a fresh token on each, and one more try after a 401.

import { problem, send } from './http.js';
import { domainToken, freshToken, renew } from './session.js';
import { state } from './store.js';

/** Calls console-api-v2.
 * @param {string} path @param {unknown} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export function call(path, body, signal) {
  return authorized(state.config.v2, path, body, signal);
}

/** Calls console-api (v1), which still has what v2 never got: page schemas and completion.
 * @param {string} path @param {unknown} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export function callV1(path, body, signal) {
  return authorized(state.config.v1, path, body, signal);
}

/** Calls console-api-v2 as the administrator of the domain, beyond the workspace at hand. Rare, so
 * each call has a token of its own.
 * @param {string} path @param {unknown} body @returns {Promise<any>} */
export async function callForDomain(path, body) {
  return send(state.config.v2, path, { body, token: await domainToken() });
}

/** @param {string} base @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
async function authorized(base, path, body, signal) {
  const token = await freshToken();
  try {
    return await send(base, path, { body, token, signal });
  } catch (error) {
    if (problem(error).status !== 401) throw error;
    await renew();
    return send(base, path, { body, token: await freshToken(), signal });
  }
}
