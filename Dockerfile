# docker build --tag millrace . && docker run --volume ./connectors:/etc/millrace:ro --publish 8083:8083 millrace
# Debian's Node to build, and then Node and nothing else: no shell, no npm.
FROM node:24.21.0-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --no-audit --no-fund
COPY src src
RUN npm run build

FROM node:24.21.0-trixie-slim AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM gcr.io/distroless/nodejs24-debian13:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY LICENSE package.json ./
COPY sql sql
COPY --from=dependencies /dependencies/node_modules node_modules
COPY --from=build /build/dist dist
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8083
# Ready is every connector that works or stands by. For Kubernetes: httpGet /health/live and /health/ready on 8083.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:8083/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/bin.cjs"]
CMD ["run", "/etc/millrace", "--http", "0.0.0.0:8083"]
