import { isLoopback } from '../config.ts'
import { UserFacingError } from '../user-facing-error.ts'

/**
 * Whether `probe` may run against this URL: a sandbox of Tratta (https, a label `sandbox` inside the host name), or a
 * simulated Tratta on this machine.
 */
export function isSandbox(apiUrl: string): boolean {
  const { protocol, hostname } = new URL(apiUrl)
  if (isLoopback(hostname)) return true
  const labels = hostname.replace(/\.$/, '').split('.')
  const isInside = labels.indexOf('sandbox') > 0 && labels.at(-1) !== 'sandbox'
  return protocol === 'https:' && isInside && !labels.includes('production')
}

/** @throws {UserFacingError} with exit code 2 */
export function requireSandbox(apiUrl: string): void {
  if (isSandbox(apiUrl)) return
  throw new UserFacingError('`probe` creates made-up customers, so it runs against a sandbox only', {
    remedy:
      'Set TRATTA_API_URL to https://<org-uuid>.sandbox.tratta.io/api/v1, or to a simulated Tratta on this machine',
    exitCode: 2,
  })
}
