import { print, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import { DONE, type Options, stopSignal } from './command.ts'

export async function simulateCommand(options: Options): Promise<number> {
  const { host = '127.0.0.1', port = '8090', token } = options as Record<string, string>
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new UsageError('--port must be 0 to 65535')
  const stopped = stopSignal()
  const { createSimulator } = await import('../simulator/create-simulator.ts')
  const simulator = await createSimulator({ host, port: Number(port), ...(token && { token }) })
  try {
    if (options.json) await printJson({ url: simulator.url, token: simulator.settings.token })
    else
      await print(
        `The simulated Tratta is running. To use it, set:\n\n  TRATTA_API_URL=${simulator.url}\n  TRATTA_API_TOKEN=${simulator.settings.token}\n\n` +
          `Requests: ${new URL('/simulator/requests', simulator.url)}; store: ${new URL('/simulator/store', simulator.url)}\nPress Ctrl-C to stop it.`,
      )
    await stopped
  } finally {
    await simulator.close()
  }
  return DONE
}
