/** The description of an element; `dom.js` makes and reads it. */
export interface VNode {
  tag: string;
  props: Record<string, any>;
  children: VNode[];
  text?: string;
}
