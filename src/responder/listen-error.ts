import { UserFacingError } from '../user-facing-error.ts'

/**
 * The error of a port that cannot be opened, with the next step.
 * @param settings the settings with the host and the port
 * @returns undefined for an unexpected error
 */
export function listenError(
  error: unknown,
  { host, port }: { host: 'HOST' | 'ADMIN_HOST'; port: 'PORT' | 'ADMIN_PORT' },
  number: number,
): UserFacingError | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new UserFacingError(`Port ${number} (${port}) is in use by another program`, {
        remedy: `Stop that program, or set ${port} to a free port`,
        cause: error,
      })
    case 'EACCES':
      return new UserFacingError(`This user may not open port ${number} (${port})`, {
        remedy: `Set ${port} to a port from 1024 to 65535`,
        cause: error,
      })
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UserFacingError(`${host} is not an address of this machine`, {
        remedy: `Set ${host} to one, to 127.0.0.1, or to 0.0.0.0 for all of them`,
        cause: error,
      })
    default:
      return undefined
  }
}
