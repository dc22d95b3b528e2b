//@ts-check
// One POST (or GET) to one of the two APIs, with the answer's errors in one shape. Knows no tokens.

import { record } from './store.js';

/** A call that did not succeed. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @param {unknown} error @returns {import('./types').Problem} */
export function problem(error) {
  if (error instanceof ApiError) return { status: error.status, code: error.code, message: error.message };
  return { status: 0, code: 'ERROR_UNKNOWN', message: String(error instanceof Error ? error.message : error) };
}

let calls = 0;

/** Sends one request.
 * @param {string} base Endpoint of the API.
 * @param {string} path
 * @param {{ body?: unknown, token?: string, signal?: AbortSignal }} [options] Without a body it is a GET.
 * @returns {Promise<any>} */
export async function send(base, path, options = {}) {
  const started = performance.now();
  /** @type {Response} */
  let response;
  try {
    response = await fetch(base + path, {
      method: options.body === undefined ? 'GET' : 'POST',
      headers: {
        ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
      },
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    // The browser gives no reason for a refused, untrusted or forbidden connection.
    throw new ApiError(0, 'ERROR_NETWORK', `${base} does not answer. Is the lab up, and its certificate trusted?`);
  }
  const text = await response.text();
  record({
    id: ++calls,
    path,
    status: response.status,
    milliseconds: performance.now() - started,
    pods: (response.headers.get('x-lab-served-by') ?? '').split(',').map((pod) => pod.trim()).filter(Boolean),
    at: Date.now(),
  });
  const answer = parse(text);
  if (response.ok) return answer ?? {};
  const detail = answer?.detail;
  throw new ApiError(
    response.status,
    detail?.code ?? `HTTP ${response.status}`,
    detail?.message ?? (text.slice(0, 300) || response.statusText || 'no reason given'),
  );
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
