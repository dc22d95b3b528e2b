//@ts-check
// The admin API: one call, or one answer that goes on. Holds the token, and nobody else does.

const KEY = 'lab/token';

/** A call that did not succeed, in the words of the API. */
export class ApiError extends Error {
  /** @param {number} status 0 if nothing answered. @param {string} message @param {string} [hint] */
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/** Milliseconds until a request that got no answer is sent again: a change of the network drops what is on
 * its way, and seldom comes alone. */
const AGAIN = [0, 250, 1000];

/** A request that may be sent more than once (RFC 9110, 9.2.2), until something answers.
 * @param {string} path @param {RequestInit} request */
async function ask(path, request) {
  for (const pause of AGAIN) {
    try {
      return await fetch(path, request);
    } catch (error) {
      if (request.signal?.aborted) throw error;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
  return fetch(path, request);
}

/** Hands in the code of a link; from then on this browser has the token.
 * @param {string} code */
export async function redeem(code) {
  const answer = await ask('api/session/redeem', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  if (!answer.ok) throw await refusal(answer);
  localStorage.setItem(KEY, (await answer.json()).token);
}

/** @param {string} path @param {{ body?: unknown, signal?: AbortSignal }} [options] A body makes it a POST. */
async function send(path, options = {}) {
  const posts = options.body !== undefined;
  /** @type {Response} */
  let answer;
  try {
    answer = await (posts ? fetch : ask)(path.replace(/^\//, ''), {
      method: posts ? 'POST' : 'GET',
      headers: {
        Authorization: `Bearer ${localStorage.getItem(KEY) ?? ''}`,
        ...(posts ? { 'Content-Type': 'application/json' } : {}),
      },
      body: posts ? JSON.stringify(options.body) : undefined,
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 'the lab does not answer', 'is it running? lab status');
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** @param {Response} answer */
async function refusal(answer) {
  const text = await answer.text();
  try {
    const told = JSON.parse(text);
    return new ApiError(answer.status, told.error ?? text, told.hint);
  } catch {
    return new ApiError(answer.status, text || `the lab answered ${answer.status}`);
  }
}

/** One call; its answer as JSON.
 * @param {string} path such as `/api/scale` @param {{ body?: unknown, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} */
export const call = async (path, options) => (await send(path, options)).json();

/** One call whose answer is a text.
 * @param {string} path @param {{ signal?: AbortSignal }} [options] */
export const text = async (path, options) => (await send(path, options)).text();

/** An answer that goes on, cut at `separator`, until it ends.
 * @param {string} path @param {string} separator @param {{ body?: unknown, signal?: AbortSignal }} options
 * @param {(piece: string) => void} tell */
async function pieces(path, separator, options, tell) {
  const answer = await send(path, options);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let waiting = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += decoder.decode(value, { stream: true });
    for (let end = waiting.indexOf(separator); end >= 0; end = waiting.indexOf(separator)) {
      const piece = waiting.slice(0, end);
      waiting = waiting.slice(end + separator.length);
      if (piece) tell(piece);
    }
  }
}

/** JSON documents, one a line, until the answer ends.
 * @param {string} path @param {{ body?: unknown, signal?: AbortSignal }} options @param {(document: any) => void} tell */
export const lines = (path, options, tell) => pieces(path, '\n', options, (line) => tell(JSON.parse(line)));

/** Server-sent events until the connection ends.
 * @param {string} path @param {AbortSignal} signal @param {(name: string, data: any) => void} tell */
export const events = (path, signal, tell) =>
  pieces(path, '\n\n', { signal }, (event) => {
    const field = (/** @type {string} */ name) =>
      event.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const [name, data] = [field('event'), field('data')];
    if (name && data) tell(name, JSON.parse(data));
  });
