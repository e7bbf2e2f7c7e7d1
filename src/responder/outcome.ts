import { PROBLEMS, type ProblemCode } from './problem.ts'

/** How a request ended, in one word: for the log and the metrics. */
export type Outcome = 'answered' | 'wrong_secret' | 'client_disconnected' | ProblemCode

/** Those that a JIT call may have: a wrong secret is counted as such, though it is answered as not found. */
export const CALL_OUTCOMES: Outcome[] = [
  'answered',
  'wrong_secret',
  'client_disconnected',
  ...(Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => code !== 'not_found' && code !== 'not_ready'),
]
