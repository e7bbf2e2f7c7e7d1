import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export interface ComposeService {
  image: string
  user?: string
  command?: string[]
  environment?: Record<string, string>
  /** `from:to`, or `from:to:ro`. */
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  read_only?: boolean
  ports?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
}

/** Reads docker-compose.yml and resolves its merge keys. */
export const readCompose = (): { services: Record<string, ComposeService>; volumes: Record<string, null> } =>
  parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true })
