# Three images from one file:
#   docker build --target serve -t foretell-serve .    the gateway and the prediction services
#   docker build --target train -t foretell-train .    worker, command line, migrations, MLflow server
#   docker build --target scale -t foretell-scale .    the same with Dask, for several machines (docs/scale.md)
# Both run as uid 10001, write only to FORETELL_HOME and /tmp, and carry no secret.

FROM python:3.13.7-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/foretell
ENV PATH=/opt/foretell/bin:$PATH

FROM build AS build-serve
COPY requirements-serve.lock ./
RUN pip install --no-deps --only-binary :all: --require-hashes -r requirements-serve.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes pip setuptools

FROM build AS build-train
COPY requirements.lock ./
RUN pip install --no-deps --only-binary :all: --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes pip

FROM build AS build-scale
COPY requirements-scale.lock ./
RUN pip install --no-deps --only-binary :all: --require-hashes -r requirements-scale.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes pip

FROM python:3.13.7-slim-bookworm AS base
# LightGBM needs the OpenMP library of the system; its version is the distribution's, with its security updates.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin foretell \
    && install --directory --owner 10001 --group 10001 /var/lib/foretell /var/lib/foretell-files
ENV PATH=/opt/foretell/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    MLFLOW_DISABLE_TELEMETRY=true \
    FORETELL_HOME=/var/lib/foretell
WORKDIR /var/lib/foretell
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

FROM base AS train
COPY --from=build-train /opt/foretell /opt/foretell
CMD ["foretell", "worker", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS scale
COPY --from=build-scale /opt/foretell /opt/foretell
CMD ["foretell", "worker", "--host", "0.0.0.0", "--port", "8000"]

# The last stage is what `docker build .` makes.
FROM base AS serve
COPY --from=build-serve /opt/foretell /opt/foretell
CMD ["python", "-m", "gateway", "--host", "0.0.0.0", "--port", "8000"]
