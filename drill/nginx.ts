/** nginx in front of the replicas, with the settings of deploy/nginx.conf that decide whether a call fails. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort } from '../test/support/child-process.ts'
import { installed, startInstalled } from '../test/support/external-program.ts'
import type { DrillContext, Requirement } from './drill.ts'
import type { Replica } from './replica.ts'

export const NGINX: Requirement = {
  program: 'nginx (apt install nginx-light)',
  isInstalled: () => installed('nginx') !== undefined,
}

/**
 * The time in which nginx sends no calls to a replica that has failed. Another replica must not stop in this time,
 * because nginx would then use neither. The 3 s in which a replica still serves after SIGTERM are longer.
 */
export const FAIL_TIMEOUT_MS = 1000

/** @returns the URL of the JIT route through nginx */
export async function startNginx(
  context: DrillContext,
  { directory }: EmbeddedPostgres,
  replicas: Replica[],
): Promise<string> {
  const port = await freePort()
  const prefix = join(directory, 'nginx')
  mkdirSync(prefix)
  writeFileSync(join(prefix, 'nginx.conf'), configuration(prefix, port, replicas))
  const args = ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', 'stderr']
  const { kill } = await startInstalled({ name: 'nginx', args, directory: prefix, port })
  context.onEnd(kill)
  const url = new URL(replicas[0]!.jitUrl)
  url.port = String(port)
  return url.href
}

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

const configuration = (prefix: string, port: number, replicas: Replica[]) => `
${process.geteuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid ${prefix}/pid;
events { worker_connections 1024; }
http {
  access_log off;
  ${TEMPORARY.map((name) => `${name}_temp_path ${prefix}/${name};`).join(' ')}
  upstream tratta_jit {
    ${replicas.map((replica) => `server 127.0.0.1:${replica.port} max_fails=1 fail_timeout=${FAIL_TIMEOUT_MS / 1000}s;`).join('\n    ')}
    keepalive 32;
    keepalive_timeout 60s;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://tratta_jit;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 1s;
      proxy_read_timeout 8s;
      proxy_next_upstream error timeout;
      proxy_next_upstream_tries 2;
      proxy_next_upstream_timeout 3s;
    }
  }
}
`
