import type { ProblemCode } from './problem.ts'

/** How a request ended, in one word: for the log and the metrics. */
export type Outcome = 'answered' | 'wrong_secret' | 'client_gone' | ProblemCode
