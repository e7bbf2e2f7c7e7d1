/** A memory limit of the kernel (cgroup v1 or v2), as a container has it. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { DrillContext } from './drill.ts'

const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'
const REMOVAL_MS = 10_000
const root = () => (existsSync(join(V1, 'memory.limit_in_bytes')) ? V1 : V2)

export function canLimitMemory(): boolean {
  try {
    accessSync(root(), constants.W_OK)
    return root() === V1 || readFileSync(join(V2, 'cgroup.subtree_control'), 'utf8').includes('memory')
  } catch {
    return false
  }
}

export interface MemoryCgroup {
  /** Moves a process into the cgroup. */
  add(pid: number): void
  /** Processes that the kernel has killed for their memory. */
  kills(): number
}

/** The cgroup is removed at the end of the drill, when its processes have ended. */
export function createMemoryCgroup(context: DrillContext, bytes: number): MemoryCgroup {
  const directory = join(root(), `tratta-jit-drill-${process.pid}`)
  mkdirSync(directory)
  context.onEnd(async () => {
    // The kernel removes a process from its cgroup some time after its end.
    for (const until = performance.now() + REMOVAL_MS; performance.now() < until; await pause(50))
      try {
        return rmdirSync(directory)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      }
    rmdirSync(directory)
  })
  const [limit, swap] =
    root() === V1
      ? ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
      : ['memory.max', 'memory.swap.max']
  writeFileSync(join(directory, limit), String(bytes))
  // Absent without swap accounting.
  if (existsSync(join(directory, swap)))
    writeFileSync(join(directory, swap), root() === V1 ? String(bytes) : '0')
  return {
    add: (pid) => writeFileSync(join(directory, 'cgroup.procs'), String(pid)),
    kills() {
      const file = root() === V1 ? 'memory.oom_control' : 'memory.events'
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(directory, file), 'utf8'))?.[1] ?? 0)
    },
  }
}
