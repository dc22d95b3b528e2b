// What the admin API answers about lessons; the Rust types are in src/model/lesson_view.rs.

export interface LessonSummary { number: number; id: string; title: string; about: string; minutes: number; done: boolean; current: boolean }

export interface Command { command: string; fails: boolean }

export interface Observation { wanted: string; seen: string; holds: boolean }

export interface Outcome {
  step: number;
  skipped: boolean;
  prediction: { question: string; guessed: string | null; answer: string; right: boolean } | null;
  observations: Observation[];
  why: string;
  kubernetes: string;
  kubectl: string[];
}

export interface Step {
  number: number;
  say: string;
  predict: { question: string; choices: string[]; answer: number | null } | null;
  toml: string | null;
  run: Command[];
  observations: Observation[];
}

export interface LessonView {
  number: number | null;
  id: string;
  title: string;
  about: string;
  question: string;
  setup: string | null;
  steps: number;
  before: Outcome | null;
  step: Step | null;
  undo: Command[];
  changed_toml: boolean;
}
