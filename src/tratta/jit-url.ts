/** The URL that we register at Tratta, and the settings that it consists of. */
import { hash } from 'node:crypto'
import type { Config } from '../config.ts'
import { createTrattaClient, type TrattaClient } from './client.ts'
import { proxyFor } from './proxy.ts'

export type RegistrationConfig = Config<
  'DATABASE_URL' | 'JIT_SECRET' | 'PUBLIC_URL' | 'TRATTA_API_URL' | 'TRATTA_API_TOKEN'
>

export function canRegister(config: Config<'DATABASE_URL' | 'JIT_SECRET'>): config is RegistrationConfig {
  return Boolean(config.PUBLIC_URL && config.TRATTA_API_URL && config.TRATTA_API_TOKEN)
}

export function jitUrl({ PUBLIC_URL, JIT_SECRET }: RegistrationConfig): string {
  return `${PUBLIC_URL}/jit/${JIT_SECRET}`
}

/** Identifies the URL in the database. The URL itself contains the secret and is not stored. */
export const urlDigest = (config: RegistrationConfig): string => hash('sha256', jitUrl(config), 'hex')

export function maskedUrl({ PUBLIC_URL }: RegistrationConfig): string {
  return `${PUBLIC_URL}/jit/…`
}

/** The secrets of the registered URLs, which Tratta's responses can contain. */
export const secretsOf = ({
  JIT_SECRET,
  JIT_SECRET_PREVIOUS,
  JIT_SECRET_NEXT,
}: Pick<Config, 'JIT_SECRET' | 'JIT_SECRET_PREVIOUS' | 'JIT_SECRET_NEXT'>) =>
  [JIT_SECRET, JIT_SECRET_PREVIOUS, JIT_SECRET_NEXT].filter((secret) => secret !== undefined)

export function trattaClient(config: RegistrationConfig): TrattaClient {
  return createTrattaClient({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    requestsPerMinute: config.TRATTA_REQUESTS_PER_MINUTE,
    secrets: secretsOf(config),
    proxy: proxyFor(config.TRATTA_API_URL, config),
  })
}
