//@ts-check
// Values as people read them.

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const ABSOLUTE = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const NUMBER = new Intl.NumberFormat('en');

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];

/** `3 days ago`.
 * @param {string} iso */
export function ago(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return iso;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return 'just now';
}

/** Date and time in the reader's own zone.
 * @param {string} iso */
export function moment(iso) {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : ABSOLUTE.format(time);
}

/** `1,234`.
 * @param {number} value */
export const count = (value) => NUMBER.format(value);

/** `4.2 ms`, `120 ms`.
 * @param {number} value */
export const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** `850 ms`, `3.2 s`, `4 min 10 s`.
 * @param {number} value In milliseconds. */
export function duration(value) {
  if (value < 1000) return `${Math.max(0, Math.round(value))} ms`;
  const seconds = value / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `$1,234.50`, `$1.2M`, or plain numbers without a currency.
 * @param {number} value @param {string} currency @param {boolean} [short] */
export function money(value, currency, short = false) {
  return new Intl.NumberFormat('en', {
    ...(currency ? { style: 'currency', currency } : {}),
    ...(short ? { notation: 'compact', maximumFractionDigits: 1 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
  }).format(value);
}

/** `2026-11` → `Nov 2026`, `2026-11-05` → `5 Nov`.
 * @param {string} date @param {boolean} [short] */
export function dateName(date, short = false) {
  const [year, month, day] = date.split('-').map(Number);
  const name = new Date(Date.UTC(year, month - 1, 1)).toLocaleString('en', { month: 'short', timeZone: 'UTC' });
  if (day) return short ? String(day) : `${day} ${name}`;
  return short ? name : `${name} ${year}`;
}

/** When a collector runs by itself.
 * @param {{ state?: string, hours?: number[] } | undefined} schedule
 * @param {number} [named] Hours that are named before they are only counted. */
export function scheduleText(schedule, named = 24) {
  const hours = [...(schedule?.hours ?? [])].sort((one, other) => one - other);
  if (schedule?.state !== 'ENABLED' || hours.length === 0) return 'Off';
  if (hours.length === 24) return 'Every hour';
  const times = hours.map((hour) => `${String(hour).padStart(2, '0')}:00`);
  return times.length > named ? `${times.length} times a day` : `Daily at ${times.join(', ')} UTC`;
}

/** The value at a dotted path.
 * @param {any} row @param {string} path */
export function at(row, path) {
  if (row && path in row) return row[path];
  return path.split('.').reduce((value, key) => value?.[key], row);
}

/** `IN_PROGRESS` → `In progress`.
 * @param {string} text */
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

/** How a state is to be felt.
 * @param {string} state @returns {'good' | 'warn' | 'bad' | 'calm'} */
export function tone(state) {
  const text = state.toUpperCase();
  if (/^(ACTIVE|RUNNING|AVAILABLE|ENABLED|OK|READY|IN-USE|ONLINE)$/.test(text)) return 'good';
  if (/(PENDING|STARTING|STOPPING|UPDATING|DISCONNECTED|PROGRESS)/.test(text)) return 'warn';
  if (/(FAIL|ERROR|TERMINAT|DELETED|CRASH)/.test(text)) return 'bad';
  return 'calm';
}
