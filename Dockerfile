# The image contains Node, its shared libraries, the production packages and the source. It has no shell and no package
# manager. The base image of the tag below changes with Debian's updates. For reproducible builds, add the digest that
# `docker buildx imagetools inspect node:24.21.0-bookworm-slim` prints: FROM node:24.21.0-bookworm-slim@sha256:…
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
 # The next stage compiles into this directory, as the user of the service.
 && mkdir app/node_modules/.cache && chown 65532:65532 app/node_modules/.cache \
 && mkdir etc \
 && echo 'tratta-jit:x:65532:65532::/:/usr/sbin/nologin' > etc/passwd \
 && echo 'tratta-jit:x:65532:' > etc/group \
 && echo 'hosts: files dns' > etc/nsswitch.conf

FROM scratch
LABEL org.opencontainers.image.title=tratta-jit \
  org.opencontainers.image.description="Answers Tratta's just-in-time requests from the agency's own Postgres" \
  org.opencontainers.image.version=0.1.0 \
  org.opencontainers.image.licenses=MIT
COPY --from=parts /image /
WORKDIR /app
COPY package.json ./
COPY migrations ./migrations
COPY src ./src
# Limits the young generation of V8. With the default of 16 MB, peak memory in `npm run bench` is 50 MB higher.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=8 PATH=/usr/local/bin \
  NODE_COMPILE_CACHE=/app/node_modules/.cache
# A number, because Kubernetes cannot verify runAsNonRoot with a name.
USER 65532:65532
# Fills the compile cache: a faster start, and 20 MB less memory. The cache belongs to this user and these options of Node.
RUN ["node", "bin/compile.mjs"]
RUN ["tratta-jit", "--version"]
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "--disable-sigusr1", "src/responder/health-check.ts"]
# No shell starts Node, so Node is process 1 and receives the signals.
CMD ["tratta-jit", "serve"]
