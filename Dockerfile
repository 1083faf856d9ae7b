# One image for everything: `telecine serve` by default, any other command by naming it.
#
#   docker build -t telecine .
#   docker run --init --rm -p 8080:8080 -v telecine-data:/data telecine
#   docker exec CONTAINER telecine projects create demo
#
# The configuration is /etc/telecine/config.yaml (mount your own over it), the data are in /data. Give it at least as
# long to stop as gateway.stop_grace_s: `docker stop --time 40`.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/telecine
COPY pyproject.toml README.md ./
COPY providers ./providers
COPY gateway ./gateway
# Nothing in the image installs packages later, so what only installs is left behind.
RUN /opt/telecine/bin/pip install --no-cache-dir . \
    && /opt/telecine/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home telecine \
    && install -d -o telecine -g telecine -m 700 /data /clips
COPY --from=build /opt/telecine /opt/telecine
COPY config.yaml /etc/telecine/config.yaml
ENV PATH=/opt/telecine/bin:$PATH \
    TELECINE_CONFIG=/etc/telecine/config.yaml \
    TELECINE_DATA_DIR=/data \
    TELECINE_HOST=0.0.0.0
USER telecine
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + (os.environ.get('TELECINE_PORT') or '8080') + '/healthz', timeout=2)"]
ENTRYPOINT ["telecine"]
CMD ["serve"]
