# The backend as an image: `docker compose up -d` builds and runs it (compose.yaml).
#
# The base has a tag and no digest here, because a digest has to be looked up where images are kept: Renovate pins it
# (renovate.json) and keeps it current.
FROM python:3.14-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source

# What changes seldom comes first, so that a change of our code reuses it.
COPY requirements/build.txt requirements/node.txt requirements/image.txt requirements/
# Node is there to fetch the dashboard's libraries, and stays behind in this stage.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt --requirement requirements/node.txt
RUN python -m venv /opt/plant \
 && /opt/plant/bin/pip install --require-hashes --requirement requirements/image.txt

COPY LICENSE LICENSE
COPY firmware/raspberry_pi firmware/raspberry_pi
COPY backend backend
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels ./backend ./firmware/raspberry_pi \
 && /opt/plant/bin/pip install --no-deps wheels/*.whl \
 && /opt/plant/bin/pip check \
 && /opt/plant/bin/pip uninstall --yes pip


FROM python:3.14-slim-trixie
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Plant Automation" \
      org.opencontainers.image.description="Waters your plants while you are away, and tells you why." \
      org.opencontainers.image.source="https://github.com/plant-automation/plant-automation" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"

COPY --from=build /opt/plant /opt/plant
COPY LICENSE /opt/plant/LICENSE
# A volume that is empty takes the owner of this folder over.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data

ENV PATH=/opt/plant/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PLANT_DATA_DIR=/data \
    PLANT_HOST=0.0.0.0 \
    PLANT_PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ready means that the database takes writes. Python, because a slim image has no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["plant-backend", "serve"]
