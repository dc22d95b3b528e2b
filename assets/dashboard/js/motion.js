//@ts-check
// Things that move along curves, all of them on one canvas. Nothing runs while nothing moves.

/** @typedef {import('./types').Leg} Leg @typedef {import('./types').Point} Point @typedef {import('./types').Curve} Curve */
/** @typedef {'good' | 'warn' | 'bad'} Kind */
/** @typedef {{ trace: string, kind: Kind, legs: Leg[], leg: number, gone: number, wait: number, x: number, y: number }} Dot */

/** Half the size of a dot. */
const SIZE = 3.5;
/** So near a dot is meant by a click. */
const REACH = 16;

/** Whether somebody prefers that nothing moves. */
export const still = matchMedia('(prefers-reduced-motion: reduce)');

/** @param {Point} a @param {Point} b @param {Point} c @param {Point} d @returns {Curve} */
export function curve(a, b, c, d) {
  const chord = Math.hypot(d.x - a.x, d.y - a.y);
  const around = Math.hypot(b.x - a.x, b.y - a.y) + Math.hypot(c.x - b.x, c.y - b.y) + Math.hypot(d.x - c.x, d.y - c.y);
  return { a, b, c, d, length: (chord + around) / 2 };
}

/** As the `d` of an SVG path. @param {Curve} curve */
export function outline({ a, b, c, d }) {
  const n = (/** @type {number} */ value) => value.toFixed(1);
  return `M${n(a.x)} ${n(a.y)}C${n(b.x)} ${n(b.y)} ${n(c.x)} ${n(c.y)} ${n(d.x)} ${n(d.y)}`;
}

/** @param {Point} from @param {Point} to @returns {Leg} */
export const straight = (from, to) => ({ from, to, curve: null, length: Math.hypot(to.x - from.x, to.y - from.y) });

/** @param {Curve} curve @returns {Leg} */
export const curved = (curve) => ({ from: curve.a, to: curve.d, curve, length: curve.length });

/** Where a part of a way is at `share` of it. @param {Leg} leg @param {number} share 0 to 1 @param {Point} at is set */
export function along({ from, to, curve }, share, at) {
  if (!curve) {
    at.x = from.x + (to.x - from.x) * share;
    at.y = from.y + (to.y - from.y) * share;
    return;
  }
  const rest = 1 - share;
  const [a, b, c, d] = [rest * rest * rest, 3 * rest * rest * share, 3 * rest * share * share, share * share * share];
  at.x = a * curve.a.x + b * curve.b.x + c * curve.c.x + d * curve.d.x;
  at.y = a * curve.a.y + b * curve.b.y + c * curve.c.y + d * curve.d.y;
}

/** Dots on a canvas. */
export class Motion {
  /** @type {Dot[]} */
  #moving = [];
  /** @type {HTMLCanvasElement | null} */
  #canvas = null;
  #frame = 0;
  #before = 0;
  #width = 1;
  #colours = { good: '', warn: '', bad: '', rim: '' };

  /** @param {number} speed pixels a second @param {number} most dots at once; more than these nobody can follow */
  constructor(speed, most) {
    this.speed = speed;
    this.most = most;
  }

  /** How many are under way. */
  get size() {
    return this.#moving.length;
  }

  /** The canvas to draw on; none stops everything. @param {HTMLCanvasElement | null} canvas */
  drawOn(canvas) {
    this.#canvas = canvas;
    if (canvas) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#moving.length = 0;
  }

  /** As large as what it lies over, in the colours of now. Dots that are under way are left out when the
   * width is another: nothing is where it was. @param {number} width @param {number} height */
  fit(width, height) {
    const canvas = this.#canvas;
    if (!canvas) return;
    const ratio = Math.min(devicePixelRatio, 2);
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide) this.#moving.length = 0;
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    this.#width = Math.max(1, width);
    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    this.#colours = { good: colour('--accent'), warn: colour('--warn'), bad: colour('--bad'), rim: colour('--surface') };
  }

  /** One sets out. @param {string} trace @param {Kind} kind @param {Leg[]} legs @param {number} wait milliseconds */
  add(trace, kind, legs, wait) {
    if (!this.#canvas || still.matches || document.hidden || legs.length === 0 || this.#moving.length >= this.most) return;
    this.#moving.push({ trace, kind, legs, leg: 0, gone: 0, wait, x: -99, y: -99 });
    if (this.#frame !== 0) return;
    this.#before = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  /** What is nearest to a place. @param {number} x @param {number} y */
  near(x, y) {
    let [best, distance] = ['', REACH];
    for (const dot of this.#moving) {
      const here = Math.hypot(dot.x - x, dot.y - y);
      if (here < distance) [best, distance] = [dot.trace, here];
    }
    return best || null;
  }

  /** @param {number} now */
  #step(now) {
    // A page that was away for long does not catch up in one leap.
    const passed = Math.max(0, Math.min(now - this.#before, 100));
    this.#before = now;
    let left = 0;
    if (still.matches) this.#moving.length = 0;
    for (const dot of this.#moving) if (this.#advance(dot, passed)) this.#moving[left++] = dot;
    this.#moving.length = left;
    this.#paint();
    this.#frame = left > 0 ? requestAnimationFrame((next) => this.#step(next)) : 0;
  }

  /** Whether it is still under way. @param {Dot} dot @param {number} passed milliseconds */
  #advance(dot, passed) {
    if (dot.wait > 0) {
      dot.wait -= passed;
      return true;
    }
    dot.gone += (passed / 1000) * this.speed;
    while (dot.gone >= dot.legs[dot.leg].length) {
      dot.gone -= dot.legs[dot.leg].length;
      dot.leg += 1;
      if (dot.leg >= dot.legs.length) return false;
    }
    along(dot.legs[dot.leg], dot.gone / dot.legs[dot.leg].length, dot);
    return true;
  }

  #paint() {
    const canvas = this.#canvas;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    const ratio = canvas.width / this.#width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const kind of /** @type {const} */ (['good', 'warn', 'bad'])) {
      context.beginPath();
      for (const dot of this.#moving) if (dot.kind === kind && dot.wait <= 0) trace(context, dot);
      context.fillStyle = this.#colours[kind];
      context.strokeStyle = kind === 'bad' ? this.#colours.bad : this.#colours.rim;
      context.lineWidth = kind === 'bad' ? 3 : 1.5;
      if (kind !== 'bad') context.fill();
      context.stroke();
    }
  }
}

/** A disc for what went well, a square for what was refused, a cross for what failed.
 * @param {CanvasRenderingContext2D} context @param {Dot} dot */
function trace(context, { kind, x, y }) {
  if (kind === 'good') {
    context.moveTo(x + SIZE, y);
    context.arc(x, y, SIZE, 0, 2 * Math.PI);
  } else if (kind === 'warn') context.rect(x - SIZE, y - SIZE, 2 * SIZE, 2 * SIZE);
  else {
    context.moveTo(x - 5, y - 5);
    context.lineTo(x + 5, y + 5);
    context.moveTo(x + 5, y - 5);
    context.lineTo(x - 5, y + 5);
  }
}
