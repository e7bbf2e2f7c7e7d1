/** One way to misbehave. */
export interface Misbehaviour {
  /**
   * - `slow`: the request is taken at once, the answer comes `ms` later
   * - `away`: connections are refused for `ms`, or until told otherwise; all paths, `times` means nothing
   * - `reset`: the connection is reset, the request is not taken
   * - `lost`: the request is taken, then the connection is cut instead of an answer
   * - `status`: answers `status`, with Retry-After if `retryAfter` (seconds) is given, with Location if it is 3xx
   * - `html`: 200 with a page; `empty`: 200 without a body; `huge`: 200 with 10 MB of JSON;
   *   `endless`: 200 with JSON that never ends
   */
  kind: (typeof kinds)[number]
  /** For so many requests; until told otherwise if absent. */
  times?: number
  /** Only requests to this path below /api/v1, e.g. `/bulk`, or below it; all if absent. */
  path?: string
  ms?: number
  status?: number
  retryAfter?: number
}

const kinds = ['slow', 'away', 'reset', 'lost', 'status', 'html', 'empty', 'huge', 'endless'] as const
const numbers = ['times', 'ms', 'status', 'retryAfter'] as const

/** What is wrong with a list of misbehaviours that came from outside; nothing if it is one. */
export function misbehaviourProblem(list: unknown[]): string | undefined {
  for (const how of list as (Partial<Misbehaviour> | null)[]) {
    if (typeof how !== 'object' || how === null || !kinds.includes(how.kind as Misbehaviour['kind'])) {
      return `kind must be one of ${kinds.join(', ')}`
    }
    const wrong = numbers.find(
      (name) => how[name] !== undefined && !(Number.isInteger(how[name]) && how[name]! >= 0),
    )
    if (wrong) return `${wrong} must be a whole number`
    if (how.path !== undefined && typeof how.path !== 'string') return 'path must be a text'
    if (how.kind === 'slow' && how.ms === undefined) return 'slow needs ms'
    if (how.kind === 'status' && !(how.status! >= 200 && how.status! <= 599))
      return 'status must be 200 to 599'
  }
  return undefined
}

export interface Misbehaviours {
  /** Replaces what was asked for before. */
  set(list: readonly Misbehaviour[]): void
  /** The first that applies to this path; counts it as used. */
  next(path: string): Misbehaviour | undefined
}

export function createMisbehaviours(): Misbehaviours {
  let list: { how: Misbehaviour; left: number }[] = []
  return {
    set(given) {
      list = given.map((how) => ({ how, left: how.times ?? Number.POSITIVE_INFINITY }))
    },
    next(path) {
      const applies = ({ how, left }: (typeof list)[number]) =>
        left > 0 && (how.path === undefined || path === how.path || path.startsWith(`${how.path}/`))
      const found = list.find(applies)
      if (found) found.left -= 1
      return found?.how
    },
  }
}
