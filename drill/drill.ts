/** The interface of a drill. */
import type { Call } from '../test/support/calls.ts'

export interface Drill {
  description: string
  /** The drill is skipped without this program. */
  needs?: Requirement
  run(context: DrillContext): Promise<DrillResult>
}

export interface Requirement {
  /** The program and its Debian package, `nginx (apt install nginx-light)`. */
  program: string
  isInstalled(): boolean
}

export interface DrillContext {
  /** Fewer calls, shorter faults, and longer time limits: for CI on a busy machine. */
  short: boolean
  /** Registers a cleanup. Cleanups run after the drill, also after an error, the last one first. */
  onEnd(cleanup: () => unknown): void
}

export interface DrillResult {
  /** The valid calls. */
  calls: Call[]
  /** The time at which the fault ended, in milliseconds of performance.now(). */
  faultEnded?: number
  expectations: Expectation[]
}

export interface Expectation {
  /** With the measured figure. */
  text: string
  isMet: boolean
}

/** The maximum recovery time, in milliseconds. */
export const maxRecoveryMs = ({ short }: DrillContext) => (short ? 10_000 : 2000)
