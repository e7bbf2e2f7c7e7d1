/** What a drill is, and what it hands back. */
import type { Call } from '../test/support/calls.ts'

export interface Drill {
  does: string
  /** A program of Debian's without which it is skipped. */
  needs?: Need
  run(scene: Scene): Promise<Findings>
}

export interface Need {
  /** The program and its package, `nginx (apt install nginx-light)`. */
  what: string
  isThere(): boolean
}

/** Where a drill plays. */
export interface Scene {
  /** Fewer calls, shorter faults, and wider bounds on time: for CI on a busy machine. */
  short: boolean
  /** Ends something once the drill has ended, in whatever way; what was begun last ends first. */
  closing(end: () => unknown): void
}

export interface Findings {
  /** Those of somebody who means well. */
  calls: Call[]
  /** When the fault was over, in milliseconds of performance.now(). */
  faultEnded?: number
  expectations: Expectation[]
}

export interface Expectation {
  /** With the figure that was seen. */
  what: string
  holds: boolean
}

/** The time that the service may take to be well again, in milliseconds. */
export const wellWithin = ({ short }: Scene) => (short ? 10_000 : 2000)
