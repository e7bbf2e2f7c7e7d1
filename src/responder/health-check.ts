/** The HEALTHCHECK of the container: exits with 0 when the service is ready, otherwise with 1. */
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'
import { type Config, readConfig } from '../config.ts'
import { UserFacingError } from '../user-facing-error.ts'

/** Less than the timeout of the HEALTHCHECK itself. */
const TIMEOUT_MS = 2500

const HERE: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

function check({ HOST, PORT, TLS_CERT_FILE }: Config): Promise<string> {
  const get = TLS_CERT_FILE ? getHttps : getHttp
  return new Promise((resolve, reject) => {
    const request = get(
      {
        host: HERE[HOST] ?? HOST,
        port: PORT,
        path: '/health/ready',
        agent: false,
        timeout: TIMEOUT_MS,
        // The certificate has the name of PUBLIC_URL, not of this host.
        rejectUnauthorized: false,
      },
      (response) => {
        response.resume()
        if (response.statusCode === 200) resolve('ready')
        else reject(new Error(`not ready: ${response.statusCode}`))
      },
    )
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
  })
}

// bin/compile.mjs imports this file, and must not run it.
if (import.meta.main)
  try {
    console.log(await check(readConfig(process.env)))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    console.error(error instanceof UserFacingError ? message : (code ?? message))
    process.exitCode = 1
  }
