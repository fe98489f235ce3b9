# syntax=docker/dockerfile:1
# `make pin` adds the digests of these images (scripts/pin-images.sh) where the registry can be reached.
FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
# A cache for each platform: what is built for one is of no use to another.
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=target-$TARGETPLATFORM,target=/source/target,sharing=locked \
    cargo build --locked --release && install target/release/salesbook /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/salesbook salesbook \
    # A volume takes over whom the folder belongs to.
    && install --directory --owner=salesbook --group=salesbook --mode=0700 /var/lib/salesbook/data/attachments
COPY --from=build /usr/local/bin/salesbook /usr/local/bin/
USER salesbook
WORKDIR /var/lib/salesbook
# There is no PostgreSQL in this image: the service needs DATABASE_URL.
ENV SALESBOOK_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["curl", "--fail", "--silent", "--show-error", "http://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["tini", "--", "salesbook"]
CMD ["serve"]
