//@ts-check
// Drawings on a 24 × 24 grid, one stroke weight, drawn for this console.

import { h } from './dom.js';

/** @type {Record<string, string>} */
const PATHS = {
  all: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  server: 'M4 4.500h16v6H4zM4 13.500h16v6H4zM7.500 7.500h.01M7.500 16.500h.01M11 7.500h6M11 16.500h6',
  database: 'M5 6.500c0-1.400 3.100-2.500 7-2.500s7 1.100 7 2.500S15.900 9 12 9 5 7.900 5 6.500zM5 6.500v11C5 18.900 8.100 20 12 20s7-1.100 7-2.500v-11M5 12c0 1.400 3.100 2.500 7 2.500s7-1.100 7-2.500',
  bucket: 'M4.500 6.500c0-1.100 3.400-2 7.500-2s7.500.9 7.500 2-3.400 2-7.500 2-7.500-.9-7.500-2zM4.500 6.500 6.500 18c.2 1 2.600 2 5.500 2s5.300-1 5.500-2l2-11.500',
  network: 'M12 8.500v4M6 16v-3.500h12V16M9.500 4h5v4.500h-5zM3.500 16h5v4.500h-5zM15.500 16h5v4.500h-5z',
  cube: 'M12 3.500 19.500 8v8L12 20.500 4.500 16V8zM4.500 8l7.500 4.500L19.500 8M12 12.500v8',
  bolt: 'M13 3.500 5.500 13.500H12l-1 7 7.500-10H12z',
  disk: 'M4.500 12a7.500 7.500 0 1 0 15 0 7.500 7.500 0 1 0-15 0M10 12a2 2 0 1 0 4 0 2 2 0 1 0-4 0',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  balance: 'M12 4v16M5 8h14M5 8l-2 6h4zM19 8l-2 6h4z',
  search: 'M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5',
  filter: 'M4 6h16M7 12h10M10 18h4',
  plus: 'M12 5v14M5 12h14',
  trash: 'M5 7h14M9.500 7V4.500h5V7M7 7l.8 12.500h8.400L17 7M10.500 10.500v5.500M13.500 10.500v5.500',
  pencil: 'M4.500 19.500l1-4L16 5l3 3L8.500 18.500zM13.500 7.500l3 3',
  close: 'M6 6l12 12M18 6 6 18',
  refresh: 'M19.500 12a7.500 7.500 0 1 1-2.300-5.400M19.500 4v4.500H15',
  down: 'M6 9.500l6 6 6-6',
  right: 'M9.500 6l6 6-6 6',
  left: 'M14.500 6l-6 6 6 6',
  up: 'M6 14.500l6-6 6 6',
  out: 'M13.500 5H19v5.500M19 5l-8.500 8.500M10 6H5v13h13v-5',
  menu: 'M4 7h16M4 12h16M4 17h16',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.500 20c.6-3.500 3.700-5.500 7.500-5.500s6.900 2 7.500 5.500',
  leave: 'M10 5H5v14h5M14 8l4 4-4 4M18 12H9',
  pulse: 'M3 12h4.500L10 5.500l4 13 2.500-6.500H21',
  check: 'M5 12.500 10 17.500 19.500 7',
  alert: 'M12 4 3 19.500h18zM12 10v4.500M12 17h.01',
  eye: 'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM9.500 12a2.500 2.500 0 1 0 5 0 2.500 2.500 0 1 0-5 0',
  home: 'M4 11 12 4.500 20 11M6 9.500V19.500h12V9.500M10 19.500v-5.500h4v5.500',
  collect: 'M12 4v10M8 10.500l4 4 4-4M4.500 14.500v5h15v-5',
  coins: 'M4.500 7.500c0-1.400 2.500-2.500 5.500-2.500s5.500 1.100 5.500 2.500-2.500 2.500-5.500 2.500-5.500-1.100-5.500-2.500zM4.500 7.500v4.500c0 1.400 2.500 2.500 5.500 2.500M4.500 12v4.500c0 1.400 2.500 2.500 5.500 2.500M10 16.500a5 2.500 0 1 0 10 0 5 2.500 0 1 0-10 0M10 16.500v-3M20 16.500v-3a5 2.500 0 0 0-9.500-1.200',
  rooms: 'M4.500 4.500h15v15h-15zM4.500 12h15M12 4.500v15',
  play: 'M8 5.500v13l10-6.500z',
  help: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM9.700 9.500c.2-1.300 1.100-2 2.300-2s2.300.8 2.300 2c0 1.700-2.300 1.800-2.300 3.700M12 16.500h.01',
  clock: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 7.500V12l3.500 2',
  copy: 'M9 9h10.500v10.500H9zM15 9V4.500H4.500V15H9',
};

/** A drawing; the words beside it carry the meaning, so it is hidden from screen readers.
 * @param {string} name */
export function icon(name) {
  return h('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, h('path', { d: PATHS[name] ?? PATHS.cube }));
}

/** The drawing that fits a type of resource.
 * @param {string} group @param {string} type */
export function typeIcon(group, type) {
  const text = `${group} ${type}`.toLowerCase();
  if (/elb|balanc|gateway/.test(text)) return 'balance';
  if (/rds|sql|database|dynamo|redis|cache|cosmos|mongo|bigquery/.test(text)) return 'database';
  if (/\bs3\b|bucket|storageaccount|cloudstorage|blob|object/.test(text)) return 'bucket';
  if (/disk|volume|ebs|snapshot|filestore|efs/.test(text)) return 'disk';
  if (/lambda|function|run\b/.test(text)) return 'bolt';
  if (/vpc|network|subnet|route|dns|cdn|cloudfront|ip\b/.test(text)) return 'network';
  if (/iam|key|secret|security|vault|kms/.test(text)) return 'lock';
  if (/ec2|compute|virtualmachine|instance|server|\bvm\b/.test(text)) return 'server';
  return 'cube';
}

/** A provider's mark: two letters on a colour of its own.
 * @param {string} provider */
export function providerMark(provider) {
  const letters = provider.split(/[_\s]/).map((word) => word[0] ?? '').join('').slice(0, 2);
  const text = letters.length > 1 ? letters : provider.slice(0, 2);
  return h('span', { class: 'mark', 'data-provider': provider, 'aria-hidden': 'true' }, text);
}
