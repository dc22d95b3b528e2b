//@ts-check
// Asks again and again while a view is shown, for what no event tells.

/** Milliseconds: others change things too, and a second later is soon enough to see it. */
const AGAIN = 1000;

/** `enter` and `leave` of a view that is to ask.
 * @param {() => Promise<void>} ask */
export function polling(ask) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let asking;
  const leave = () => clearInterval(asking);
  const enter = () => {
    ask();
    leave();
    asking = setInterval(ask, AGAIN);
  };
  return { enter, leave };
}
