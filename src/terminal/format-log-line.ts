import { type Style, StyledText } from './style.ts'

const LEVEL_STYLES: Record<string, Style> = {
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
  debug: 'dim',
  trace: 'dim',
}

/** Formats a JSON log line for a terminal: `08:15:02 info  serving port=8080 ms=312`, in UTC. */
export function formatLogLine(json: string): string {
  const { time, level, event, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const name = String(level)
  const texts = Object.entries(fields).map(([field, value]) => ` ${field}=${formatValue(value)}`)
  const { text } = StyledText.of(
    ['dim', String(time).slice(11, 19)],
    ' ',
    [LEVEL_STYLES[name] ?? 'green', name.padEnd(5)],
    ['bold', [event, msg].map((title) => (title === undefined ? '' : ` ${title}`)).join('')],
    ...texts,
  )
  return `${text}\n`
}

const formatValue = (value: unknown) =>
  typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)
