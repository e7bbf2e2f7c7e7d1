/** Uses a renewed certificate without a restart, and warns of one that expires soon. */
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type Certificate, daysLeft, MIN_VALID_DAYS, readCertificate } from './certificate.ts'

const POLL_MS = 5000
const DAY_MS = 24 * 60 * 60 * 1000

interface CertificateWatch {
  /** Reads the files now. */
  reload(): void
  stop(): void
}

/**
 * @param certificate the one in use
 * @param use called with each new certificate. Connections that are open keep the earlier one.
 */
export function watchCertificate(
  config: Config,
  log: Log,
  certificate: Certificate,
  use: (certificate: Certificate) => void,
): CertificateWatch {
  let current = certificate
  let reported: string | undefined
  let warnedAt = Number.NEGATIVE_INFINITY

  const warnOfExpiry = () => {
    const days = Math.floor(daysLeft(current))
    if (days >= MIN_VALID_DAYS || Date.now() - warnedAt < DAY_MS) return
    warnedAt = Date.now()
    log.warn({ event: 'certificate_expiring', days, expires: current.x509.validToDate.toISOString() })
  }
  const reload = () => {
    try {
      const found = readCertificate(config)
      reported = undefined
      if (!found || found.options.cert === current.options.cert) return
      current = found
      warnedAt = Number.NEGATIVE_INFINITY
      use(found)
      log.info({ event: 'certificate_read', expires: found.x509.validToDate.toISOString() })
    } catch (error) {
      // Also while the two files are being replaced one after the other.
      const { message } = error as Error
      if (reported !== message)
        log.error({
          event: 'certificate_rejected',
          message: `The current certificate stays in use: ${message}`,
        })
      reported = message
    }
    warnOfExpiry()
  }
  warnOfExpiry()
  const timer = setInterval(reload, POLL_MS).unref()
  return { reload, stop: () => clearInterval(timer) }
}
