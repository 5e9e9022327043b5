# A client of Debian's kernel tools, for compose.yaml.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends nfs-common && rm -rf /var/lib/apt/lists/*
COPY docker/mount-and-stay /usr/local/bin/mount-and-stay
ENTRYPOINT ["mount-and-stay"]
