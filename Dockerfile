# The image holds Node, the libraries that it is linked with, the production packages and our source: no shell,
# no package manager. The tag below changes with Debian's corrections. For the same bytes each time, add the digest
# that your registry shows: FROM node:24.21.0-bookworm-slim@sha256:…
FROM node:24.21.0-bookworm-slim AS parts

WORKDIR /image/app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY bin ./bin
# The image has no /usr/bin/env. A signal must not open Node's inspector, through which other processes of the
# container can read the secret.
RUN sed -i '1s|.*|#!/usr/local/bin/node --disable-sigusr1|' bin/tratta-jit.mjs

WORKDIR /image
RUN node=$(command -v node) \
 && mkdir -p usr/local/bin \
 && cp "$node" usr/local/bin/node \
 && ln -s /app/bin/tratta-jit.mjs usr/local/bin/tratta-jit \
 && ldd "$node" | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory=. \
 # Scanners read here to which packages the libraries belong.
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
# With the default of 16 MB for each half of the young generation the peak of `npm run bench` is 50 MB higher.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=8 PATH=/usr/local/bin
# By number, so that Kubernetes sees that it is not root.
USER 65532:65532
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "--disable-sigusr1", "src/responder/health-check.ts"]
# Node is the first process, and gets the signals.
CMD ["tratta-jit", "serve"]
