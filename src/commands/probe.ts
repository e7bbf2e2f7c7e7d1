import { createInterface } from 'node:readline/promises'
import type pg from 'pg'
import { readConfig } from '../config.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import type { Experiment, ProbeConfig } from '../probe/experiment.ts'
import { EXPERIMENTS } from '../probe/experiments.ts'
import { createMadeUpData, type MadeUpData } from '../probe/made-up-data.ts'
import { restoreRegistration } from '../probe/restore-registration.ts'
import { createProbe, type ProbeResult } from '../probe/run-probe.ts'
import { requireSandbox } from '../probe/sandbox.ts'
import { createSaveFile } from '../probe/save-file.ts'
import { print, printError, printJson, printStyled } from '../terminal/output.ts'
import { showProgress, showWaiting } from '../terminal/progress.ts'
import { type Style, StyledText } from '../terminal/style.ts'
import { UsageError } from '../user-facing-error.ts'
import {
  DONE,
  FAILED,
  fail,
  failWith,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
} from './command.ts'

const RESULTS: Record<ProbeResult['result'], { label: string; style: Style }> = {
  as_assumed: { label: 'as assumed', style: 'green' },
  differs: { label: 'differs', style: 'yellow' },
  undecided: { label: 'undecided', style: 'red' },
}
const LABEL_COLUMNS = 12
const NAME_COLUMNS = 20

export async function probeCommand(options: Options): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN')
  requireSandbox(config.TRATTA_API_URL)
  const experiments = selectExperiments(options.only)
  const data = createMadeUpData()
  if (!(await isConfirmed(options, plan(config, experiments, data)))) return FAILED
  const pool = createPool({ ...config, DATABASE_POOL_SIZE: 2 }, { connectionMs: 5000, statementMs: 10_000 })
  try {
    if (!(await isUpToDate(pool))) return fail(NOT_UP_TO_DATE, options)
    return await probe(options, config, pool, experiments, data)
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

function selectExperiments(only: Options[string]): readonly Experiment[] {
  if (only === undefined) return EXPERIMENTS.filter(({ isOptIn }) => !isOptIn)
  const found = EXPERIMENTS.find(({ name }) => name === only)
  if (found) return [found]
  throw new UsageError(`--only must be one of ${EXPERIMENTS.map(({ name }) => name).join(', ')}`)
}

const plan = (config: ProbeConfig, experiments: readonly Experiment[], { prefix }: MadeUpData) =>
  [
    `Runs ${experiments.length} ${experiments.length === 1 ? 'experiment' : 'experiments'} at ${config.TRATTA_API_URL}, with at most 90 requests:`,
    `- creates made-up customers, whose ids start with ${prefix} or are random digits`,
    '- uploads up to 15 MB; Tratta sends an e-mail to the organization for each of up to 20 uploads',
    config.PUBLIC_URL === undefined
      ? '- registers nothing, because PUBLIC_URL is not set'
      : '- replaces the registered URL by throw-away URLs, then registers the URL of the settings again if it was registered',
  ].join('\n')

/** @throws {UsageError} without a terminal and without --yes */
async function isConfirmed(options: Options, text: string): Promise<boolean> {
  if (options.yes) {
    if (!options.json) await print(`${text}\n`)
    return true
  }
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError('--yes is needed without a terminal: `probe` creates made-up data at Tratta')
  printError(text)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const stopped = new AbortController()
  terminal.once('SIGINT', () => stopped.abort())
  try {
    const answer = await terminal.question('Continue? [y/N] ', { signal: stopped.signal })
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    if (stopped.signal.aborted) return false
    throw error
  } finally {
    terminal.close()
  }
}

async function probe(
  options: Options,
  config: ProbeConfig,
  pool: pg.Pool,
  experiments: readonly Experiment[],
  data: MadeUpData,
): Promise<number> {
  const asJson = Boolean(options.json)
  const file = options.save === undefined ? undefined : createSaveFile(String(options.save), data)
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  const results: ProbeResult[] = []
  let endProgress = () => {}
  const running = createProbe({
    config,
    pool,
    experiments,
    data,
    signal: stop.signal,
    record: (request, exchange, headers) => file?.record(request, exchange, headers),
    onStart(name) {
      file?.experiment(name)
      endProgress = startProgress(asJson, (seconds) => {
        const count = `${results.length + 1} of ${experiments.length}`
        return `${count}: ${name}, ${running.requests} requests, ${Math.floor(seconds)} s`
      })
    },
  })
  let isRestored = true
  try {
    for await (const result of running.results()) {
      endProgress()
      results.push(result)
      if (asJson) await printJson(toJson(result))
      else await printResult(result)
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    endProgress()
    await running.close()
    if (running.hasRegistered) {
      const restored = await showWaiting(asJson, 'Registering the earlier URL', () =>
        restoreRegistration(pool, config),
      )
      isRestored = restored.isRestored
      if (!isRestored || !asJson) printError(restored.message)
    }
  }
  if (!asJson) await printSummary(results)
  if (stop.signal.aborted) {
    printError(
      `Stopped after ${results.length} of ${experiments.length} experiments. Their results are stored.`,
    )
    return FAILED
  }
  return results.some(({ result, isUnsupported }) => result === 'undecided' || isUnsupported)
    ? SOME_REJECTED
    : DONE
}

/** With --json, every line is the result of an experiment. */
const startProgress = (asJson: boolean, line: (seconds: number) => string) =>
  asJson ? () => {} : showProgress(false, () => ({}), line)

const toJson = ({ experiment, result, found, value, effect, isUnsupported }: ProbeResult) => ({
  experiment,
  result,
  found,
  ...(value !== undefined && { value }),
  ...(effect !== undefined && { effect, supported: !isUnsupported }),
})

function printResult({ experiment, result, assumed, found }: ProbeResult) {
  const { label, style } = RESULTS[result]
  const text = result === 'differs' ? `${found} (assumed: ${assumed})` : found
  return printStyled(
    StyledText.of([style, label.padEnd(LABEL_COLUMNS)], experiment.padEnd(NAME_COLUMNS), text),
  )
}

async function printSummary(results: ProbeResult[]) {
  const count = (wanted: ProbeResult['result']) => results.filter(({ result }) => result === wanted).length
  const differences = results.filter(({ result }) => result === 'differs')
  if (differences.length > 0) await print('\nBecause of the differences:')
  for (const { experiment, effect, isUnsupported } of differences)
    await print(`- ${experiment}: ${isUnsupported ? 'not supported: ' : ''}${effect}`)
  await print(
    `\n${count('as_assumed')} as assumed, ${count('differs')} differ, ${count('undecided')} undecided`,
  )
}
