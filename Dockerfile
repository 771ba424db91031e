# One image for every process: control (hearing serve), media worker and recorder.
#   docker build -t hearing-platform .

# --- the web pages ---
FROM node:22-bookworm-slim AS pages
WORKDIR /src/web_client
COPY web_client/package.json web_client/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web_client/ ./
RUN npm run build

# --- the Python environment ---
FROM python:3.13-slim-bookworm AS environment
# Compiles the media worker's hot path.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/hearing \
 && /opt/hearing/bin/pip install --no-cache-dir --require-hashes -r requirements.lock -r requirements-build.lock
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY hearing_server hearing_server
COPY signaling signaling
COPY recording recording
COPY --from=pages /src/hearing_server/web/static hearing_server/web/static
RUN /opt/hearing/bin/pip install --no-cache-dir --no-index --no-deps --no-build-isolation . \
 # Debian's ffmpeg is smaller than the one in the package, and gets security updates.
 && rm -f /opt/hearing/lib/python3*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*

# --- what runs ---
FROM python:3.13-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --no-create-home hearing \
 # A new volume takes its owner from the folder that it is mounted on.
 && install -d -o hearing -g hearing -m 0700 /data /data/spool /data/keys /data/public
COPY --from=environment /opt/hearing /opt/hearing
ENV PATH=/opt/hearing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IMAGEIO_FFMPEG_EXE=/usr/bin/ffmpeg \
    HEARING_DATA=/data \
    HEARING_HTTP_ADDRESS=* \
    HEARING_LOG_FORMAT=json
USER hearing
VOLUME /data
EXPOSE 8080 8443 20000/udp 20000/tcp
ENTRYPOINT ["hearing"]
CMD ["serve", "--all"]
