/** nginx in front of the replicas, with the settings of deploy/nginx.conf that decide whether a call is lost. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort } from '../test/support/child-process.ts'
import { installed, startInstalled } from '../test/support/external-program.ts'
import type { Need, Scene } from './drill.ts'
import type { Replica } from './replica.ts'

export const NGINX: Need = {
  what: 'nginx (apt install nginx-light)',
  isThere: () => installed('nginx') !== undefined,
}

/**
 * For so long nginx sends nothing to a replica that has failed. The next must not be stopped before, or
 * nginx knows of none that lives; the 3 s for which a replica serves on after SIGTERM are enough for it.
 */
export const FAIL_TIMEOUT_MS = 1000

/** @returns where Tratta's question is asked */
export async function startNginx(
  scene: Scene,
  { directory }: EmbeddedPostgres,
  replicas: Replica[],
): Promise<string> {
  const port = await freePort()
  const prefix = join(directory, 'nginx')
  mkdirSync(prefix)
  writeFileSync(join(prefix, 'nginx.conf'), configuration(prefix, port, replicas))
  const args = ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', 'stderr']
  const { kill } = await startInstalled({ name: 'nginx', args, directory: prefix, port })
  scene.closing(kill)
  const url = new URL(replicas[0]!.jit)
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
