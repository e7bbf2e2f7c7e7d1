import { readFileSync } from 'node:fs'
import type { Program } from './program.ts'

const OFTEN_MS = 50

/** @returns the highest observed peak memory in MiB (VmHWM) */
export function peakMemory({ process: child }: Program): () => number {
  let peak = 0
  const look = () => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024
    } catch {}
  }
  const timer = setInterval(look, OFTEN_MS)
  child.on('exit', () => clearInterval(timer))
  return () => Math.round(peak)
}
