# syntax=docker/dockerfile:1@sha256:4edf897a3ffa55b89f906fc8cc78afdb3f1834cc9c7083565e611a8a7d5fe99e
# `make pin` (scripts/pin-images.sh) updates the digests.
FROM rust:1.98-slim-bookworm@sha256:1469a27c125cb5a3aebfa4f4e4665d935b02fb72cc093b2c974b3d740e43f157 AS build
WORKDIR /source
COPY . .
# One cache per platform, because build results cannot be shared between platforms.
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=target-$TARGETPLATFORM,target=/source/target,sharing=locked \
    cargo build --locked --release && install target/release/salesbook /usr/local/bin/

FROM debian:bookworm-slim@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/salesbook salesbook \
    # A new volume inherits the owner of this folder.
    && install --directory --owner=salesbook --group=salesbook --mode=0700 /var/lib/salesbook/data/attachments
COPY --from=build /usr/local/bin/salesbook /usr/local/bin/
USER salesbook
WORKDIR /var/lib/salesbook
# This image contains no PostgreSQL, so that DATABASE_URL is required.
ENV SALESBOOK_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["curl", "--fail", "--silent", "--show-error", "http://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["tini", "--", "salesbook"]
CMD ["serve"]
