/** TLS on PORT: reads TLS_CERT_FILE and TLS_KEY_FILE, at the start and after they change. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerOptions } from 'node:http'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config.ts'
import { UserFacingError } from '../user-facing-error.ts'

type CertificateSettings = Pick<Config, 'TLS_CERT_FILE' | 'TLS_KEY_FILE'>

export interface Certificate {
  /** For `https.createServer` and `setSecureContext`. */
  options: { cert: string; key: string; minVersion: 'TLSv1.2' }
  /** The certificate of the server, the first in TLS_CERT_FILE. */
  x509: X509Certificate
}

/** A file cannot be read, or the files do not belong together. The message contains no part of the key. */
export class CertificateError extends UserFacingError {
  constructor(message: string) {
    super(message, { exitCode: 2 })
  }
}

/** @returns undefined when TLS is off @throws {CertificateError} */
export function readCertificate({
  TLS_CERT_FILE,
  TLS_KEY_FILE,
}: CertificateSettings): Certificate | undefined {
  if (!TLS_CERT_FILE || !TLS_KEY_FILE) return undefined
  const cert = readPem('TLS_CERT_FILE', TLS_CERT_FILE)
  const key = readPem('TLS_KEY_FILE', TLS_KEY_FILE)
  const options = { cert, key, minVersion: 'TLSv1.2' } as const
  let x509: X509Certificate
  try {
    x509 = new X509Certificate(cert)
  } catch {
    throw new CertificateError('TLS_CERT_FILE has no certificate in PEM format')
  }
  try {
    createSecureContext(options)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CertificateError(
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
        ? 'TLS_KEY_FILE is not the key of the first certificate in TLS_CERT_FILE'
        : `TLS_CERT_FILE and TLS_KEY_FILE cannot be used (${code}): the key must be in PEM format, without a passphrase`,
    )
  }
  return { options, x509 }
}

/**
 * The options of Fastify for http, or with a certificate for https. An https.Server has all members of an http.Server, so
 * that the rest of the program does not distinguish them.
 */
export const serverOptions = (certificate: Certificate | undefined, limits: ServerOptions) =>
  (certificate
    ? { https: { ...limits, ...certificate.options, handshakeTimeout: limits.headersTimeout } }
    : { http: limits }) as { http: ServerOptions }

const DAY_MS = 24 * 60 * 60 * 1000
/** Automatic renewal runs earlier than this. */
export const MIN_VALID_DAYS = 14

/** Days until the certificate expires, negative after that. */
export const daysLeft = ({ x509 }: Certificate) => (x509.validToDate.getTime() - Date.now()) / DAY_MS

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CertificateError(`${name} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
