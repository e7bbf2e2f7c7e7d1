/** After the probe, Tratta calls a throw-away URL. Registers the earlier URL again, if it is known. */
import type pg from 'pg'
import { canRegister, maskedUrl, urlDigest } from '../tratta/jit-url.ts'
import { registerNow } from '../tratta/registration.ts'
import { readRegistration } from '../tratta/registration-store.ts'
import { UserFacingError } from '../user-facing-error.ts'
import type { ProbeConfig } from './experiment.ts'

interface Restored {
  isRestored: boolean
  message: string
}

const RUN_REGISTER = 'Tratta calls a throw-away URL of the probe now: run `tratta-jit register`'

export async function restoreRegistration(pool: pg.Pool, config: ProbeConfig): Promise<Restored> {
  const { JIT_SECRET } = config
  const withSecret = JIT_SECRET === undefined ? undefined : { ...config, JIT_SECRET }
  const stored = await readRegistration(pool, config.TRATTA_API_URL)
  // The URL contains the secret and is not stored, so only the URL of these settings can be registered.
  if (!stored || !withSecret || !canRegister(withSecret) || stored.urlDigest !== urlDigest(withSecret))
    return { isRestored: false, message: RUN_REGISTER }
  try {
    const isProven = await registerNow(withSecret)
    return isProven
      ? { isRestored: true, message: `Registered ${maskedUrl(withSecret)} again` }
      : {
          isRestored: false,
          message: `Tratta reports that it has ${maskedUrl(withSecret)}, but can call a throw-away URL of the probe: run \`tratta-jit trigger ID\` to prove which`,
        }
  } catch (error) {
    if (!(error instanceof UserFacingError)) throw error
    return {
      isRestored: false,
      message: `${maskedUrl(withSecret)} could not be registered again: ${error.problem}. ${RUN_REGISTER}`,
    }
  }
}
