# Davit as one static file on an empty root: no shell, no package manager, no libc to patch. Its own transports speak
# Git and TLS, so it needs no git, no ssh and no OpenSSL beside it; only the CA certificates and two directories.
#
#   docker build -t davit .
#   docker run -v ./davit.yaml:/etc/davit/davit.yaml:ro -v davit:/var/lib/davit -p 8080:8080 davit

# Debian's C compiler builds libgit2, SQLite, zlib and aws-lc; its CA certificates go into the image.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN tools/static-binary /rootfs/davit

# Everything the image holds. 65532 is the id that distroless images call nonroot.
RUN mkdir -p /rootfs/etc/ssl/certs /rootfs/etc/davit /rootfs/tmp /rootfs/var/lib/davit /rootfs/var/cache/davit \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && chmod 1777 /rootfs/tmp \
 && chown 65532:65532 /rootfs/var/lib/davit /rootfs/var/cache/davit

FROM scratch
COPY --from=build /rootfs/ /
# By number, so that Kubernetes' runAsNonRoot can check it without a passwd file.
USER 65532:65532
# `davit scan` and `davit explain` keep their cache where the daemon keeps its own.
ENV XDG_CACHE_HOME=/var/cache
# The state, which must outlive the container (see docs/operations.md), and the cache, which may be lost.
VOLUME ["/var/lib/davit", "/var/cache/davit"]
EXPOSE 8080
ENTRYPOINT ["/davit"]
CMD ["run", "--config", "/etc/davit/davit.yaml"]
