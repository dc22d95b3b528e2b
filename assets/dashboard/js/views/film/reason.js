//@ts-check
// The page that says why: what a code means, what was seen in this request, and how to look further.

import { h } from '../../dom.js';
import { command } from '../parts.js';
import { ingressOf } from './hops.js';
import { WHY } from './why.js';
import { candidates } from './words.js';

/** Why the ingress answered itself; nothing if it did not. @param {import('../../types').Film} film */
export function reason(film) {
  const span = ingressOf(film);
  const it = span?.attributes ?? {};
  if (!span || !it.error_code) return null;
  const why = WHY[it.error_code];
  const service = String(it.service ?? '').split(':')[0];
  const fill = (/** @type {string} */ line) =>
    line
      .replace('SERVICE', service || 'SERVICE')
      .replace('HOST', it.host ?? 'HOST')
      .replace('URL', it.host ? `${it.tls_version ? 'https' : 'http'}://${it.host}${it.path ?? '/'}` : 'URL')
      .replace('NAME', it.ingress ?? 'NAME');
  const seen = [
    ['Said', it.error],
    ['Code', h('code', null, it.error_code)],
    ['Host and path', it.host ? h('code', null, `${it.host}${it.path ?? ''}`) : null],
    ['Rule', it.route ? h('code', null, it.route) : (it.route_why ?? null)],
    ['Rules that lost', it.losers?.length ? `${it.losers.length}; the story below says why each` : null],
    ['Service', it.service],
    ['Endpoints', it.candidates ? (it.candidates.length ? candidates(it.candidates, it.pod) : 'none is ready') : null],
    ['Client, seen as', it.client_address ? h('code', null, it.client_address) : null],
  ].filter(([, value]) => value);
  return h(
    'section',
    { class: 'card film-why', 'aria-label': 'Why' },
    h('h2', null, `${span.status}: ${why?.title ?? 'the ingress answered itself'}`),
    why ? h('p', null, why.means) : null,
    h('div', { class: 'film-why-columns' },
      h('div', null, h('h3', null, 'Seen in this request'), h('dl', { class: 'fact-list' }, seen.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, value)]))),
      why
        ? h('div', null,
            h('h3', null, 'Look further'),
            h('div', { class: 'film-commands' }, [...new Set([`lab trace ${film.trace}`, ...why.look.map(fill)])].map(command)),
            h('h3', null, 'Elsewhere'),
            h('dl', { class: 'fact-list' },
              h('dt', null, 'Traefik'), h('dd', null, why.traefik),
              h('dt', null, 'NGINX'), h('dd', null, why.nginx),
              h('dt', null, 'Kubernetes'), h('dd', null, fill(why.kubernetes))))
        : null),
  );
}
