/** Charts as SVG, without scripts and without inline styles: console.css colors them. */
import { html } from 'ghtml'
import type { Statistics, Summary } from './call-statistics.ts'
import { type Html, milliseconds, toneOf } from './html.ts'

const WIDTH = 720
const HEIGHT = 150
const LEFT = 56
const BOTTOM = 20
const TOP = 10
const PLOT = HEIGHT - BOTTOM - TOP
const TONES = ['good', 'warn', 'bad'] as const

const clock = (date: Date) => date.toISOString().slice(11, 16)
const round = (value: number) => value.toFixed(1)
const number = (value: number) => value.toLocaleString('en-US')

/** Bars of calls a minute, by how they ended. */
export function callsChart(statistics: Statistics, range: string): Html {
  const { intervals, seconds } = statistics
  const perMinute = (count: number) => (count * 60) / seconds
  const max = niceMaximum(Math.max(...intervals.map(({ total }) => perMinute(total))))
  const width = (WIDTH - LEFT) / intervals.length
  const bars = intervals.map((interval, index) => {
    let y = TOP + PLOT
    const parts = TONES.map((tone) => {
      const count = countOf(interval, tone)
      if (count === 0) return ''
      const height = Math.max(1, (perMinute(count) / max) * PLOT)
      y -= height
      return html`<rect class="${tone}" x="${round(LEFT + index * width + 0.5)}" y="${round(y)}" width="${round(Math.max(1, width - 1))}" height="${round(height)}"/>`
    })
    return interval.total === 0
      ? ''
      : html`<g><title>${clock(interval.start)}: ${describeCounts(interval)}</title>!${parts}</g>`
  })
  const label = `Calls a minute in the last ${range}`
  const keys = sorted(statistics).map(
    ([outcome, count]): Key => [toneOf(outcome), `${number(count)} ${outcome}`],
  )
  return chart(label, keys, axes(intervals, number(max)), bars.join(''))
}

/** Lines of the median and the 99th percentile. */
export function timesChart(statistics: Statistics, range: string): Html {
  const { intervals, p50, p99 } = statistics
  const max = niceMaximum(Math.max(...intervals.map((interval) => interval.p99 ?? 0)))
  const width = (WIDTH - LEFT) / intervals.length
  const points = (name: 'p50' | 'p99') =>
    intervals.map((interval, index) => {
      const value = interval[name]
      if (value === undefined) return ''
      const [x, y] = [LEFT + (index + 0.5) * width, TOP + PLOT - (value / max) * PLOT]
      const next = intervals[index + 1]?.[name]
      const line =
        next === undefined
          ? ''
          : html`<line x1="${round(x)}" y1="${round(y)}" x2="${round(x + width)}" y2="${round(TOP + PLOT - (next / max) * PLOT)}"/>`
      return html`!${line}<circle cx="${round(x)}" cy="${round(y)}" r="3"><title>${clock(interval.start)}: ${name} ${milliseconds(value)}</title></circle>`
    })
  const keys: Key[] =
    p50 === undefined || p99 === undefined
      ? []
      : [
          ['p50', `p50 ${milliseconds(p50)}`],
          ['p99', `p99 ${milliseconds(p99)}`],
        ]
  return chart(
    `Response times in the last ${range}`,
    keys,
    axes(intervals, milliseconds(max)),
    html`<g class="p50">!${points('p50')}</g><g class="p99">!${points('p99')}</g>`,
  )
}

/** A bar of consecutive parts of a duration. */
export function durationBar(parts: [tone: string, ms: number][]): Html {
  const total = Math.max(
    parts.reduce((sum, [, ms]) => sum + ms, 0),
    0.001,
  )
  let x = 0
  const rects = parts.map(([tone, ms]) => {
    const width = (ms / total) * WIDTH
    x += width
    return html`<rect class="${tone}" x="${round(x - width)}" y="0" width="${round(width)}" height="18"/>`
  })
  return html`<svg class="duration" viewBox="0 0 ${WIDTH} 18" preserveAspectRatio="none" aria-hidden="true">!${rects}</svg>`
}

/** The class of a color, and what it stands for. */
type Key = [tone: string, text: string]

function chart(label: string, keys: Key[], frame: Html, content: Html): Html {
  const summary = keys.length === 0 ? 'no calls' : keys.map(([, text]) => text).join(', ')
  return html`<figure class="chart"><figcaption><strong>${label}</strong> !${
    keys.length === 0
      ? summary
      : keys.map(
          ([tone, text]) => html`<span class="nowrap"><span class="key ${tone}"></span> ${text}</span> `,
        )
  }</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}: ${summary}">!${frame}!${content}</svg></figure>`
}

function axes(intervals: { start: Date }[], max: string): Html {
  const y = HEIGHT - 5
  const at = (index: number) => clock(intervals[index]!.start)
  return html`<g class="axes"><line x1="${LEFT}" y1="${TOP}" x2="${WIDTH}" y2="${TOP}"/>
    <line x1="${LEFT}" y1="${TOP + PLOT}" x2="${WIDTH}" y2="${TOP + PLOT}"/>
    <text x="${LEFT - 6}" y="${TOP + 4}" text-anchor="end">${max}</text>
    <text x="${LEFT - 6}" y="${TOP + PLOT}" text-anchor="end">0</text>
    <text x="${LEFT}" y="${y}">${at(0)}</text>
    <text x="${(LEFT + WIDTH) / 2}" y="${y}" text-anchor="middle">${at(Math.floor(intervals.length / 2))}</text>
    <text x="${WIDTH}" y="${y}" text-anchor="end">${at(intervals.length - 1)}</text></g>`
}

const countOf = ({ counts }: Summary, tone: string) =>
  [...counts].reduce((sum, [outcome, count]) => (toneOf(outcome) === tone ? sum + count : sum), 0)

/** The most frequent outcome first. */
const sorted = ({ counts }: Summary) => [...counts].sort((one, other) => other[1] - one[1])

const describeCounts = (summary: Summary) =>
  sorted(summary)
    .map(([outcome, count]) => `${number(count)} ${outcome}`)
    .join(', ')

/** The next of 1, 2 and 5 times a power of ten. */
function niceMaximum(value: number): number {
  if (value <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((factor) => factor * power).find((maximum) => maximum >= value)!
}
