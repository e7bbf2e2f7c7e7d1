/** The secrets in the files of two replicas change during calls. The second replica gets each change later. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSimulator } from '../src/simulator/create-simulator.ts'
import type { Drill } from './drill.ts'
import { allAnswered, inTime, same } from './expectations.ts'
import { type Replica, startReplica } from './replica.ts'
import { query, startCalls, startDatabase } from './setup.ts'

const CALLS_PER_SECOND = 200
const SECRETS = ['first', 'second', 'third'].map((name) => `${name}-secret-of-the-rotation-drill-0123456789`)
const ACCOUNT = 'A-500100'
const TIMEOUT_MS = 60_000

/** Secrets by the name of their setting. */
type Secrets = Record<string, string>

export const rotation: Drill = {
  description:
    'the JIT secret, the API token and the database password change, one step each, without a restart',
  async run(context) {
    const [first, second, third] = SECRETS as [string, string, string]
    const postgres = await startDatabase(context)
    await query(postgres.url, `create role rotated login superuser password 'first'`)
    const databaseUrl = (password: string) => {
      const url = new URL(postgres.url)
      url.username = 'rotated'
      url.password = password
      return url.href
    }
    const tratta = await createSimulator({ token: 'first-token' })
    context.onEnd(tratta.close)
    const initial: Secrets = {
      DATABASE_URL: databaseUrl('first'),
      JIT_SECRET: first,
      JIT_SECRET_PREVIOUS: '',
      JIT_SECRET_NEXT: second,
      TRATTA_API_TOKEN: 'first-token',
    }
    const settings = { TRATTA_API_URL: tratta.url, PUBLIC_URL: 'https://jit.agency.example' }
    const folders = ['one', 'two'].map((name) => join(postgres.directory, `secrets-${name}`))
    const replicas: Replica[] = []
    for (const folder of folders) {
      mkdirSync(folder)
      write(folder, initial)
      const files = Object.keys(initial).map((name) => [`${name}_FILE`, join(folder, name)])
      const env = { ...settings, DATABASE_URL: '', JIT_SECRET: '', ...Object.fromEntries(files) }
      replicas.push(await startReplica(context, postgres, postgres.url, { env }))
    }
    await until(() => tratta.jitUrls.length === 1)

    let sent = 0
    const registered = () => tratta.jitUrls.at(-1)!.replace('https://jit.agency.example', '')
    const calling = startCalls(
      context,
      () =>
        `http://127.0.0.1:${replicas[sent++ % 2]!.port}${registered()}?debt_account_external_id=${ACCOUNT}`,
      CALLS_PER_SECOND,
    )
    const delayMs = context.short ? 1000 : 10_000
    const change = async (secrets: Secrets) => {
      for (const [at, folder] of folders.entries()) {
        if (at > 0) await pause(delayMs)
        write(folder, secrets)
      }
    }
    const haveRead = (name: string) =>
      until(() =>
        replicas.every((replica) =>
          replica
            .log()
            .some(({ event, changed }) => event === 'secrets_read' && (changed as string[]).includes(name)),
        ),
      )
    await pause(1000)
    tratta.configure({ token: 'second-token' })
    await change({ TRATTA_API_TOKEN: 'second-token' })
    await haveRead('TRATTA_API_TOKEN')
    await change({ JIT_SECRET_PREVIOUS: first, JIT_SECRET: second, JIT_SECRET_NEXT: third })
    await haveRead('JIT_SECRET')
    await change({ DATABASE_URL: databaseUrl('second') })
    await query(postgres.url, `alter role rotated password 'second'`)
    await haveRead('DATABASE_URL')
    await pause(2000)
    const calls = await calling.stop()
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        inTime(calls),
        same(
          'registered secrets',
          tratta.jitUrls.map((url) => SECRETS.findIndex((secret) => url.endsWith(secret))),
          [0, 1],
        ),
        same('restarted replicas', replicas.filter((replica) => replica.hasEnded()).length, 0),
        countedByBoth(await Promise.all(replicas.map((replica) => replica.counts())), calls.length),
      ],
    }
  },
}

/** Writes PREVIOUS first and NEXT last, so that no secret in use is missing at any time. */
function write(folder: string, secrets: Secrets) {
  for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(folder, name), secret)
}

function countedByBoth(counts: Record<string, number>[], calls: number) {
  const counted = counts.flatMap((outcomes) => Object.values(outcomes)).reduce((sum, count) => sum + count, 0)
  return {
    text: `the metrics of both replicas counted each of ${calls} calls: ${counted}`,
    isMet: counted === calls,
  }
}

async function until(condition: () => boolean) {
  for (const end = performance.now() + TIMEOUT_MS; !condition(); await pause(50))
    if (performance.now() > end) throw new Error('the replicas do not use the new secrets')
}
