// Shapes of the view Path. Nothing here exists when the page runs.

/** How a pod is, each with a shape of its own. */
export type PodState = 'ready' | 'starting' | 'unready' | 'ending' | 'restarting' | 'failed';

export interface Stop {
  /** The pod, or an address where something of the user's listens. */
  name: string;
  short: string;
  state: PodState;
  word: string;
  restarts: number;
  reason: string | null;
  isPod: boolean;
}

/** A card: the pods of one Deployment, and the Service in front of them. */
export interface Group {
  /** `service:NAME`, or `deployment:NAME` where no Service leads to it. */
  id: string;
  /** Of the Deployment. */
  name: string;
  zone: Zone;
  /** ClusterIP and port; none for what is dialled by its own address. */
  gate: string | null;
  note: string;
  stops: Stop[];
  ready: number;
  /** Pods that are wanted; none where it cannot be scaled. */
  wanted: number | null;
}

export type Zone = 'ingress' | 'web' | 'backend' | 'store' | 'start' | 'list' | 'worker' | 'plugin' | 'plugged';

export interface Picture {
  zones: Record<Zone, Group[]>;
  groups: Map<string, Group>;
  /** The card of each pod. */
  home: Map<string, Group>;
  hosts: string[];
  calls: Call[];
  /** Changes when something has to be placed anew. */
  shape: string;
}

/** Who may call whom, by the names of cards. */
export interface Call {
  from: string;
  to: string;
  /** To the pods' own addresses, past the ClusterIP. */
  direct: boolean;
}

export interface Box { left: number; right: number; top: number; bottom: number; x: number; y: number }
