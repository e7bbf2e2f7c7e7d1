import { PROBLEMS, type ProblemCode } from './problem.ts'

/** The result of a request, for the log and the metrics. */
export type Outcome = 'answered' | 'wrong_secret' | 'client_disconnected' | ProblemCode

/**
 * The outcomes of JIT calls. A wrong secret has an outcome of its own, although its response is not_found.
 */
export const CALL_OUTCOMES: Outcome[] = [
  'answered',
  'wrong_secret',
  'client_disconnected',
  ...(Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => code !== 'not_found' && code !== 'not_ready'),
]
