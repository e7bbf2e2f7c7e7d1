# The image contains Node, its shared libraries, the production packages and the source. It has no shell and no package
# manager. The base image of the tag below changes with Debian's updates. For reproducible builds, add its digest:
# FROM node:24.21.0-bookworm-slim@sha256:…
FROM node:24.21.0-bookworm-slim AS parts

WORKDIR /image/app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY bin ./bin
# The image has no /usr/bin/env. --disable-sigusr1: a signal must not open Node's inspector, through which other
# processes of the container can read the secret.
RUN sed -i '1s|.*|#!/usr/local/bin/node --disable-sigusr1|' bin/tratta-jit.mjs

WORKDIR /image
RUN node=$(command -v node) \
 && mkdir -p usr/local/bin \
 && cp "$node" usr/local/bin/node \
 && ln -s /app/bin/tratta-jit.mjs usr/local/bin/tratta-jit \
 && ldd "$node" | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory=. \
 # Vulnerability scanners read the packages of the libraries here.
 && mkdir -p var/lib/dpkg/status.d \
 && for package in libc6 libgcc-s1 libstdc++6; do \
      dpkg-query --status "$package" > "var/lib/dpkg/status.d/$package" || exit 1; \
    done \
 && mkdir etc \
 && echo 'tratta-jit:x:65532:65532::/:/usr/sbin/nologin' > etc/passwd \
 && echo 'tratta-jit:x:65532:' > etc/group \
 && echo 'hosts: files dns' > etc/nsswitch.conf

FROM scratch
COPY --from=parts /image /
WORKDIR /app
COPY package.json ./
COPY migrations ./migrations
COPY src ./src
# Limits the young generation of V8. With the default of 16 MB, peak memory in `npm run bench` is 50 MB higher.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=8 PATH=/usr/local/bin
# A number, because Kubernetes cannot verify runAsNonRoot with a name.
USER 65532:65532
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "--disable-sigusr1", "src/responder/health-check.ts"]
# No shell starts Node, so Node is process 1 and receives the signals.
CMD ["tratta-jit", "serve"]
