# syntax=docker/dockerfile:1
# Build: docker build -t tidemark .      Run: docker run -p 3000:3000 -v tidemark:/data tidemark
ARG NODE_VERSION=22

FROM node:${NODE_VERSION}-bookworm-slim AS dependencies
# better-sqlite3 compiles here when there is no ready-made binary for this platform.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client/package.json client/
RUN npm ci --include=dev

FROM dependencies AS build
COPY tsconfig.json tsconfig.build.json tsconfig.types.json nest-cli.json .swcrc ./
COPY scripts scripts
COPY bin bin
COPY src src
# Without its workspace: the server does not need what the client does.
RUN npm run build && npm pkg delete workspaces && npm prune --omit=dev

FROM dependencies AS app
COPY scripts scripts
COPY src/protocol src/protocol
COPY client client
COPY mobile mobile
RUN --mount=type=cache,target=/root/.npm npm run build:app

FROM node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
COPY --from=app /app/mobile/dist mobile/dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/tidemark.js"]
CMD ["start"]
