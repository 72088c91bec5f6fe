# Our image: the command line `gauntlet`, as a user without rights. It has no Java: copiers on kafkajs, commands and
# everything that runs elsewhere work; plans with a Java copier or an embedded cluster need a machine with a JDK.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY proxy proxy
COPY validators validators
COPY gauntlet gauntlet
COPY bench bench
COPY dashboard dashboard
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY chaos-plans chaos-plans
# The folders of the token and of results belong to whoever runs in here; volumes take that over.
RUN ln -s /app/dist/gauntlet/cli.js /usr/local/bin/gauntlet \
 && mkdir -p /run/gauntlet /runs && chown node:node /run/gauntlet /runs
WORKDIR /runs
USER node
ENV NODE_ENV=production
EXPOSE 8474
# It needs no broker: a proxy that waits for its cluster is healthy.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=5 CMD ["gauntlet", "health"]
ENTRYPOINT ["gauntlet"]
CMD ["--help"]
