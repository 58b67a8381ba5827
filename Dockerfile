# The image of every process of Retainer's own: `python -m api`, `python -m worker`, `python -m adapters.postgres.migrate`.
#
# The base is pinned by exact version, to the Python that the tests run on. To pin the very bytes too, ask for the digest
# (docker buildx imagetools inspect python:3.11.15-slim-trixie) and write it behind the tag in both lines: tag@sha256:…
FROM python:3.11.15-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build

# Dependencies first: a layer of their own, kept as long as the lock stands. The lock is one for everybody, sandbox and
# tests included, so it constrains (versions and hashes) what pyproject.toml asks for in production (docs/adr/0012).
COPY pyproject.toml requirements.lock ./
RUN sed -n '/^uv==/,/# via/p' requirements.lock > uv.txt \
    && python -m pip install --quiet --require-hashes --requirement uv.txt
RUN python -m venv --without-pip /opt/retainer \
    && uv pip install --python /opt/retainer/bin/python --require-hashes --only-binary :all: \
        --constraints requirements.lock --requirements pyproject.toml --extra telemetry

# .dockerignore lets in what production runs and nothing else: the wheel that is made of it has no sandbox.
COPY . .
RUN uv build --wheel --out-dir dist --require-hashes --build-constraints requirements.lock \
    && uv pip install --python /opt/retainer/bin/python --no-deps --no-index dist/*.whl


FROM python:3.11.15-slim-trixie

# What installs packages has nothing to do in production.
RUN python -m pip uninstall --quiet --yes --root-user-action=ignore setuptools wheel pip \
    && groupadd --system --gid 10001 retainer \
    && useradd --system --uid 10001 --gid retainer --no-create-home --home-dir /nonexistent retainer

COPY --from=build /opt/retainer /opt/retainer

# The commit: what Temporal shows beside each task, and where the image came from.
ARG WORKER_BUILD_ID=""
LABEL org.opencontainers.image.title="retainer" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.revision="${WORKER_BUILD_ID}"
ENV PATH=/opt/retainer/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RETAINER_ENVIRONMENT=production \
    WORKER_BUILD_ID=${WORKER_BUILD_ID}

WORKDIR /opt/retainer
USER 10001:10001
CMD ["python", "-m", "api"]
