import { DONE, stopSignal } from './command.ts'

export async function demoCommand(): Promise<number> {
  const stop = new AbortController()
  const stopped = stopSignal().then(() => stop.abort())
  // Loaded on demand, as in `simulate`: production does not load development code.
  const { startDemo } = await import('../development/demo.ts')
  const closing: (() => Promise<void>)[] = []
  try {
    await startDemo(closing, stop.signal)
    await stopped
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    for (const close of closing.reverse()) await close()
  }
  return DONE
}
