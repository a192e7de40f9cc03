# A tag can be moved to other bytes: give a digest in production (docs/operations.md, "Images by digest").
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
WORKDIR /desk
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
RUN useradd --system --home-dir /data --create-home desk
COPY . .
# Hashed file names are made once, here; any key and address serve for that.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(64))") DATA_DIR=/tmp STATIC_ROOT=/desk/staticfiles \
    DATABASE_URL=postgresql://desk_app@localhost/desk python manage.py collectstatic --no-input -v 0
ENV STATIC_ROOT=/desk/staticfiles HOST=0.0.0.0 PORT=8000
USER desk
EXPOSE 8000
CMD ["deploy/web"]
