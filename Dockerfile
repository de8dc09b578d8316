# syntax=docker/dockerfile:1
#   docker build --tag pushmill:0.2.0 .                              the worker
#   docker build --tag pushmill:dev --build-arg EXTRAS=[demo] .      with `pushmill simulate` and `demo` besides
#   docker build --tag pushmill:0.2.0 --build-arg EXTRAS=[aws] .     to log in to Amazon MSK with IAM
#   docker build --tag pushmill:0.2.0 --build-arg EXTRAS=[campaigns] .    with `pushmill campaigns`
#   docker build --tag pushmill:0.2.0 --build-arg EXTRAS=[multibuffer] .    to agree on keys eight at a time
ARG PYTHON=3.11-slim-bookworm

# ── build: everything into one folder; every dependency comes as a wheel, so not even here is a compiler ────────
FROM python:${PYTHON} AS build
ARG EXTRAS=
WORKDIR /src
RUN python -m venv --without-pip /opt/pushmill
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY crypto crypto
COPY worker worker
COPY campaigns campaigns
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/pushmill/bin/python install --constraint constraints.txt ".${EXTRAS}" \
 && cd /opt/pushmill/lib \
 && rm --force libippcp.so* libcrypto_mb.so libcrypto_mb.so.13.3    # copies, and a library that is not used

# ── the image: Python, that folder, a user who owns nothing of it ───────────────────────────────────────────────
FROM python:${PYTHON}
LABEL org.opencontainers.image.title="pushmill" \
      org.opencontainers.image.description="High-throughput Web Push delivery worker" \
      org.opencontainers.image.licenses="Apache-2.0"
# The folders are for volumes: a new one takes the owner that it finds here.
RUN pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel \
 && groupadd --gid 10001 pushmill \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pushmill \
 && install --directory --owner=10001 --group=10001 /etc/pushmill/campaigns /etc/pushmill/vapid /var/lib/pushmill/simulate
COPY --from=build /opt/pushmill /opt/pushmill
ENV PATH=/opt/pushmill/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/pushmill
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 9400 9401 9500
STOPSIGNAL SIGTERM
# For Docker; Kubernetes has its own probes. As slow to give up as they are: a restart repeats pushes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PUSHMILL_STATUS_PORT', '9400') + '/healthz', timeout=4)"]
ENTRYPOINT ["pushmill"]
CMD ["run"]
