//@ts-check
// Values as people read them.

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const ABSOLUTE = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const NUMBER = new Intl.NumberFormat('en');

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];

/** `3 days ago`. @param {string} iso */
export function ago(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return iso;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return 'just now';
}

/** Date and time in the reader's own zone. @param {string} iso */
export function moment(iso) {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : ABSOLUTE.format(time);
}

/** `1,234`. @param {number} value */
export const count = (value) => NUMBER.format(value);

/** `4.2 ms`, `120 ms`. @param {number} value */
export const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** The value at a dotted path. @param {any} row @param {string} path */
export function at(row, path) {
  if (row && path in row) return row[path];
  return path.split('.').reduce((value, key) => value?.[key], row);
}

/** `IN_PROGRESS` → `In progress`. @param {string} text */
export function words(text) {
  const lower = text.toLowerCase().replaceAll('_', ' ');
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}

/** @type {Record<string, string>} */
const PROVIDERS = {
  aws: 'AWS', google_cloud: 'Google Cloud', azure: 'Azure', alibaba_cloud: 'Alibaba Cloud', oracle_cloud: 'Oracle Cloud',
  openstack: 'OpenStack', vmware: 'VMware', on_premise: 'On premise', kubernetes: 'Kubernetes',
};

/** @param {string} provider */
export const providerName = (provider) => PROVIDERS[provider] ?? words(provider);

/** How a state is to be felt. @param {string} state @returns {'good' | 'warn' | 'bad' | 'calm'} */
export function tone(state) {
  const text = state.toUpperCase();
  if (/^(ACTIVE|RUNNING|AVAILABLE|ENABLED|OK|READY|IN-USE|ONLINE)$/.test(text)) return 'good';
  if (/(PENDING|STARTING|STOPPING|UPDATING|DISCONNECTED|PROGRESS)/.test(text)) return 'warn';
  if (/(FAIL|ERROR|TERMINAT|DELETED|CRASH)/.test(text)) return 'bad';
  return 'calm';
}
