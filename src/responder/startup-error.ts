import { UserFacingError } from '../user-facing-error.ts'

/** The start failed. The message has the reason and the next step. */
export class StartupError extends UserFacingError {}

/** @param settings the settings with the host and the port */
export function listenError(
  error: unknown,
  { host, port }: { host: 'HOST' | 'ADMIN_HOST'; port: 'PORT' | 'ADMIN_PORT' },
  number: number,
): StartupError | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartupError(
        `Port ${number} (${port}) is in use by another program. Stop that program, or set ${port} to a free port.`,
        { cause: error },
      )
    case 'EACCES':
      return new StartupError(
        `This user may not open port ${number} (${port}). Set ${port} to a port from 1024 to 65535.`,
        { cause: error },
      )
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartupError(
        `${host} is not an address of this machine. Set ${host} to one, to 127.0.0.1, or to 0.0.0.0 for all of them.`,
        { cause: error },
      )
    default:
      return undefined
  }
}
