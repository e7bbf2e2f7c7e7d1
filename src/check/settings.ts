/** Checks the settings, and the TLS of the connection to Postgres. */

import type { Config } from '../config.ts'
import { tlsProblem } from '../database/tls-warning.ts'
import { CertificateError, daysLeft, MIN_VALID_DAYS, readCertificate } from '../responder/certificate.ts'
import { SETTINGS } from '../settings.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'

/** Only the registration needs these settings. Calls are answered without them. */
const REGISTRATION_SETTINGS = ['PUBLIC_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN'] as const

export const settings = check({
  name: 'settings',
  async run({ config, problems }) {
    const invalid = problems.map(({ name, is }) =>
      errorResult(`${name} ${is}`, `set ${name}, see .env.example`),
    )
    const missing = REGISTRATION_SETTINGS.filter(
      (name) => config[name] === undefined && !problems.some((problem) => problem.name === name),
    )
    const notSet = missing.map((name) =>
      warning(`${name} is not set: ${SETTINGS[name].meaning}`, 'set it: the registration at Tratta needs it'),
    )
    const results = [
      ...invalid,
      ...notSet,
      ...repeatedSecrets(config),
      ...certificateFiles(config),
      ...(await insecureDatabase(config.DATABASE_URL)),
    ]
    return results.length > 0 ? results : [ok('all required settings are set, and all settings are valid')]
  },
})

/** A value that was not changed in the last rotation. */
function repeatedSecrets({ JIT_SECRET, JIT_SECRET_NEXT, JIT_SECRET_PREVIOUS }: Partial<Config>) {
  if (JIT_SECRET_NEXT === undefined) return []
  const others = Object.entries({ JIT_SECRET, JIT_SECRET_PREVIOUS })
  return others
    .filter(([, secret]) => secret === JIT_SECRET_NEXT)
    .map(([name]) =>
      warning(
        `JIT_SECRET_NEXT has the same value as ${name}`,
        'set it to a new secret: openssl rand -hex 32',
      ),
    )
}

/** The files of TLS_CERT_FILE and TLS_KEY_FILE. The check of PUBLIC_URL's certificate verifies what Tratta gets. */
function certificateFiles(config: Partial<Config>): CheckResult[] {
  try {
    const certificate = readCertificate(config)
    if (!certificate) return []
    const { hostname } = new URL(config.PUBLIC_URL ?? 'https://localhost')
    if (config.PUBLIC_URL && !certificate.x509.checkHost(hostname))
      return [
        warning(
          'the certificate in TLS_CERT_FILE is not for the host of PUBLIC_URL',
          'use a certificate for this host; with a TLS proxy in front of `serve` this is no error',
        ),
      ]
    const days = daysLeft(certificate)
    if (days < 0) return [errorResult('the certificate in TLS_CERT_FILE has expired', 'renew it')]
    if (days >= MIN_VALID_DAYS) return []
    return [
      warning(`the certificate in TLS_CERT_FILE is valid for ${Math.floor(days)} more days`, 'renew it'),
    ]
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return [errorResult(error.message, 'correct the files: `serve` does not start without them')]
  }
}

async function insecureDatabase(databaseUrl: string | undefined): Promise<CheckResult[]> {
  if (databaseUrl === undefined) return []
  // The check of the database reports a host that cannot be resolved.
  const problem = await tlsProblem(databaseUrl).catch(() => undefined)
  if (!problem) return []
  const { message, remedy, isPublic } = problem
  return [(isPublic ? errorResult : warning)(message, remedy)]
}
