//@ts-check
// What must be known before anything can be shown: configuration, the list of APIs, the domain.

import { ApiError, problem, send } from './http.js';
import { resume } from './session.js';
import { state, update } from './store.js';

/** Loads everything and shows the login page or, with a session from before, the inventory. */
export async function boot() {
  update({ phase: 'loading', fatal: null });
  try {
    const config = { ...(await json('config/default.json')), ...(await json('config/production.json')) };
    const v1 = config.CONSOLE_API?.ENDPOINT;
    const v2 = config.CONSOLE_API_V2?.ENDPOINT;
    if (!v1 || !v2) {
      throw new ApiError(0, 'ERROR_CONFIGURATION', 'config/production.json names no CONSOLE_API and CONSOLE_API_V2.');
    }
    const domainName = config.DOMAIN_NAME_REF === 'config' ? config.DOMAIN_NAME : location.hostname.split('.')[0];
    update({ config: { v1, v2, domainName } });
    update({ apis: await reflect(v1, v2) });
    await findDomain();
    await resume();
  } catch (error) {
    update({ phase: 'failed', fatal: problem(error) });
  }
}

/** The paths that either API offers. One of the two may be missing; without both there is no console.
 * @param {string} v1 @param {string} v2 */
async function reflect(v1, v2) {
  const answers = await Promise.allSettled([
    send(v2, '/console-api/api/reflection'),
    send(v1, '/api/reflection', { body: {} }),
  ]);
  if (answers[0].status === 'rejected') throw answers[0].reason;
  const apis = answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value.apis ?? []) : []));
  return new Set(apis.map((/** @type {{ path: string }} */ api) => api.path));
}

async function findDomain() {
  const { v2, domainName } = state.config;
  try {
    update({ domain: await send(v2, '/identity/domain/get-auth-info', { body: { name: domainName } }) });
  } catch (error) {
    const { status, code, message } = problem(error);
    throw new ApiError(status, code, `Failed to load domain “${domainName}”. ${message}`);
  }
}

/** @param {string} path */
async function json(path) {
  const response = await fetch(path, { cache: 'no-store' });
  if (!response.ok) throw new ApiError(response.status, 'ERROR_CONFIGURATION', `${path} cannot be loaded.`);
  return response.json();
}
