/** The sessions of the console, in memory: a restart ends them, and each replica has its own. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

export interface Session {
  /** As the user typed it, or as the authenticating proxy names the user. */
  user: string
  /** Forms that act send it back. */
  token: string
}

export interface Sessions {
  /** @returns the id for the cookie */
  start(user: string): string
  /** @param isUse false for the refresh of a live page, which does not keep a session from ending */
  find(id: string, isUse: boolean): Session | undefined
  end(id: string): void
}

const IDLE_MS = 30 * 60_000
/** The oldest session ends when there are more. */
const MAX_SESSIONS = 100

export function createSessions(now = () => performance.now()): Sessions {
  // By a hash, so that the time of a lookup says nothing about an id.
  const sessions = new Map<string, Session & { usedAt: number }>()
  const key = (id: string) => hash('sha256', id)
  return {
    start(user) {
      const id = randomBytes(32).toString('base64url')
      const [oldest] = sessions.keys()
      if (sessions.size >= MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
      sessions.set(key(id), { user, token: randomBytes(32).toString('base64url'), usedAt: now() })
      return id
    },
    find(id, isUse) {
      const session = sessions.get(key(id))
      if (!session) return undefined
      if (now() - session.usedAt > IDLE_MS) {
        sessions.delete(key(id))
        return undefined
      }
      if (isUse) session.usedAt = now()
      return session
    },
    end: (id) => void sessions.delete(key(id)),
  }
}

/** Compares in constant time. */
export const isSame = (given: string, expected: string) =>
  timingSafeEqual(Buffer.from(hash('sha256', given), 'hex'), Buffer.from(hash('sha256', expected), 'hex'))
