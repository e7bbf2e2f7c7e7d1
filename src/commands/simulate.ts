import { print, printJson } from '../terminal/output.ts'
import { type Command, DONE, stopSignal, UsageError } from './command.ts'

export const simulateCommand: Command = {
  description: 'a simulated Tratta on a port of its own (docs/simulator.md)',
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    token: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(options) {
    const { host = '127.0.0.1', port = '8090', token } = options as Record<string, string>
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new UsageError('--port takes 0 to 65535')
    const stopped = stopSignal()
    const { createSimulator } = await import('../simulator/create-simulator.ts')
    const simulator = await createSimulator({ host, port: Number(port), ...(token && { token }) })
    try {
      if (options.json) printJson({ url: simulator.url, token: simulator.settings.token })
      else
        print(
          `A simulated Tratta. To use it:\n\n  TRATTA_API_URL=${simulator.url}\n  TRATTA_API_TOKEN=${simulator.settings.token}\n\n` +
            `What it was asked: ${new URL('/simulator/requests', simulator.url)}; what it holds: ${new URL('/simulator/store', simulator.url)}\nCtrl-C ends it.`,
        )
      await stopped
    } finally {
      await simulator.close()
    }
    return DONE
  },
}
