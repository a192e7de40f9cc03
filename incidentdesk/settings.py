"""Every setting of the desk, read top to bottom. What differs between deployments comes from the environment
(docs/operations.md lists it); a value that cannot be right stops the process and names itself."""

import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from incidentdesk.kernel import client_address, env, env_addresses, secret

django_stubs_ext.monkeypatch()  # lets `ModelForm[User]` be written where Django itself has no such brackets yet

BASE_DIR = Path(__file__).resolve().parent.parent

# ── Where and as what this process runs ──────────────────────────────────────────────────────────────────────────
# `manage.py desk` leaves the addresses of its embedded servers here, so that other commands find them.
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()
_command = sys.argv[1] if len(sys.argv) > 1 and Path(sys.argv[0]).name == "manage.py" else ""
if "DATABASE_URL" not in os.environ and _command != "desk":
    env.load(DATA_DIR / "run" / "desk.env")
PROCESS = env.choice("DESK_PROCESS", ("web", "worker", "beat", "keeper", "command", "test"), "command")
TESTING = PROCESS == "test"
if DATA_DIR.exists() and not DATA_DIR.is_dir():
    raise ImproperlyConfigured(f"DATA_DIR is {str(DATA_DIR)!r}; it must be a folder, and this is none.")
HOST = env_addresses.bind_host("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65_535)
_base = env_addresses.base_url("BASE_URL", f"http://127.0.0.1:{PORT}")
BASE_URL = _base.url
# The launcher says so of the PostgreSQL that it runs itself, whose data move with their folder.
EMBEDDED = env.flag("DESK_EMBEDDED", False)
# Without a database of its own the desk runs an embedded one, filled with the demonstration.
DEMO = env.flag("DEMO", _command == "desk" and "DATABASE_URL" not in os.environ)

# ── What is refused outright ─────────────────────────────────────────────────────────────────────────────────────
DEBUG = env.flag("DEBUG", False)
if DEBUG:
    raise ImproperlyConfigured(
        "DEBUG is on. It shows secrets to whoever meets an error, so the desk does not start with it."
    )
if _base.scheme == "http" and not _base.is_loopback:
    raise ImproperlyConfigured(
        f"BASE_URL is {BASE_URL!r}; beyond this machine the desk is served over https only."
    )
HTTPS = _base.scheme == "https"

# ── Secrets and hosts ────────────────────────────────────────────────────────────────────────────────────────────
SECRET_KEY = env.text("SECRET_KEY", "") or secret.kept_in(DATA_DIR / "secret.key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
for _name, _key in (
    ("SECRET_KEY", SECRET_KEY),
    *(("SECRET_KEY_FALLBACKS", old) for old in SECRET_KEY_FALLBACKS),
):
    if secret.is_weak(_key):
        raise ImproperlyConfigured(
            f"{_name} is short, repeated or a well-known default. Use 50 random characters or more."
        )
ALLOWED_HOSTS = [_base.netloc_host, *env_addresses.host_names("ALLOWED_HOSTS")]
if _base.is_loopback:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]

# ── Applications ─────────────────────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "people.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "allauth",
    "allauth.account",
    "people.apps.PeopleConfig",
    "incidents",
    "comms",
    "oncall",
    "runbooks",
    "desk",
]
MIDDLEWARE = [
    "incidentdesk.kernel.middleware.secure.KeepData",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "incidentdesk.kernel.middleware.policy.ContentPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Both before the check of form tokens, which reads and parses the whole form.
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "people.middleware.SignInRequired",
    "django.middleware.csrf.CsrfViewMiddleware",
    "people.middleware.SignedInAnswers",
    "people.middleware.Denials",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "incidentdesk.kernel.middleware.database_trouble.DatabaseTrouble",
    "desk.errors.Refusals",
]
ROOT_URLCONF = "incidentdesk.urls"
WSGI_APPLICATION = "incidentdesk.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "incidentdesk.kernel.page.page",
                "desk.shell.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")

# ── PostgreSQL: the only truth ───────────────────────────────────────────────────────────────────────────────────
# Two addresses: the application's role may not change tables or the record; only migrations use the owner's.
WEB_THREADS = env.integer("WEB_THREADS", 3, least=1)
_AS_OWNER = {"migrate", "sqlmigrate", "showmigrations", "flush", "dbshell", "redact"}


WORKER_THREADS = env.integer("WORKER_THREADS", 4, least=1)


def _database(name: str, *, owner: bool) -> dict[str, Any]:
    found = env_addresses.postgres(
        name, "postgresql:///desk?user=desk_app" if not owner else "postgresql:///desk?user=desk_owner"
    )
    # An owner's statement may build an index for minutes, whatever the database or the role says by default; a request's
    # may not hold anybody up (S35).
    limits = {"lock_timeout": "2s"} | (
        {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
        if owner
        else {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "15s"}
    )
    options: dict[str, Any] = {
        "connect_timeout": 3,
        "prepare_threshold": 5,
        "application_name": f"desk-{PROCESS}",
        **found["OPTIONS"],
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }
    # A thread of the web or of a command keeps its connection. Celery closes the connection before and after every
    # task, so that without a pool each tick would sign in to PostgreSQL anew.
    pooled = PROCESS == "worker" and not owner
    if pooled:
        # Reconnecting is given up early: the next task tries at once, instead of waiting out a growing pause.
        options["pool"] = {
            "min_size": 1,
            "max_size": WORKER_THREADS + 2,
            "timeout": 3,
            "max_idle": 300,
            "reconnect_timeout": 4,
        }
    return {
        **found,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0 if pooled else 600 if PROCESS == "web" else 60,
        "CONN_HEALTH_CHECKS": not pooled,  # a look at the socket, no query; so are the pool's (kernel.postgresql)
    }


DATABASES = {
    "default": _database("DATABASE_OWNER_URL", owner=True)
    if _command in _AS_OWNER
    else _database("DATABASE_URL", owner=False)
}
if TESTING:
    DATABASES["owner"] = _database("DATABASE_OWNER_URL", owner=True) | {"TEST": {"MIRROR": "default"}}

# ── Redis: a doorbell, and counters that may be lost ─────────────────────────────────────────────────────────────
REDIS_URL = env_addresses.redis("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "desk_cache"},
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "desk",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
}

# ── Intervals: each by environment, in seconds; tests make them small ────────────────────────────────────────────
TICK_SECONDS = env.number("TICK_SECONDS", 1.0)
KEEPER_GRACE_SECONDS = env.number("KEEPER_GRACE_SECONDS", 5.0)
LEASE_SECONDS = env.number("LEASE_SECONDS", 30.0)
OUTBOX_LEASE = LEASE_SECONDS
DELIVER_SECONDS = env.number("DELIVER_SECONDS", 1.0)
PAGE_SECONDS = env.number("PAGE_SECONDS", 60.0)
HOUSEKEEPING_SECONDS = env.number("HOUSEKEEPING_SECONDS", 300.0)
POLL_SECONDS = env.number("POLL_SECONDS", 2.0)
HIDDEN_POLL_SECONDS = env.number("HIDDEN_POLL_SECONDS", 30.0)
STALE_SECONDS = env.number("STALE_SECONDS", 10.0)
HEARTBEAT_SECONDS = env.number("HEARTBEAT_SECONDS", 5.0)
AUDIT_SECONDS = env.number("AUDIT_SECONDS", 30.0)
WORKER_DEAF_SECONDS = env.number("WORKER_DEAF_SECONDS", 45.0)
MINUTE_SECONDS = env.number("MINUTE_SECONDS", 60.0)
if MINUTE_SECONDS != 60 and not (DEMO or TESTING):
    raise ImproperlyConfigured(
        "MINUTE_SECONDS differs from 60, which only the demonstration and tests may do (DEMO=1)."
    )

# ── Celery: carries doorbells and row ids, nothing that may not be lost ──────────────────────────────────────────
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_PUBLISH_RETRY = False  # with retry a frozen Redis holds the caller for 5.6 s, without for one
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "retry_on_timeout": False,
    "max_retries": 0,  # else a refused connection is tried again for two seconds before the caller hears of it
    "visibility_timeout": 3600,
    "global_keyprefix": env.text("REDIS_PREFIX", "desk:"),
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = WORKER_THREADS
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_MAX_LOOP_INTERVAL = min(1.0, TICK_SECONDS)
# A ring that waited longer than its own interval is thrown away: missed ticks do not pile up.
CELERY_BEAT_SCHEDULE = {
    name: {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": max(1.0, seconds), "ignore_result": True},
    }
    for name, task, seconds in (
        ("tick", "desk.tasks.tick", TICK_SECONDS),
        ("deliver", "comms.tasks.deliver_due", DELIVER_SECONDS),
        ("housekeeping", "desk.tasks.keep_house", HOUSEKEEPING_SECONDS),
    )
}

# ── People and sign-in ───────────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["people.backend.DeskBackend"]
PASSWORD_HASHERS = ["people.hashers.Argon2id"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
]
PERSONAL_MAIL = "comms.personal.mail"  # people know no messages; this is how they are mailed
LOGIN_URL = "people:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "people:sign_in"
ACCOUNT_ADAPTER = "people.adapter.DeskAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # people.throttle counts every try, in PostgreSQL
ACCOUNT_EMAIL_NOTIFICATIONS = False

# Two desks on one machine share the host and so the cookies: on loopback the port tells them apart.
_mark = "__Host-desk-{}" if HTTPS else f"desk-{{}}-{_base.port}"
SESSION_ENGINE = "people.sessions"
SESSION_COOKIE_NAME = _mark.format("session")
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 90 * 86_400
CSRF_COOKIE_NAME = _mark.format("csrf")
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "desk.errors.stale_form"
DEVICE_COOKIE_NAME = _mark.format("device")
ACK_COOKIE_NAME = _mark.format("ack")
PASSWORD_COOKIE_NAME = _mark.format("password")
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# ── The web's edges ──────────────────────────────────────────────────────────────────────────────────────────────
BEHIND_PROXY = env.flag("BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Who says where a request came from. Unset is one hop behind a proxy and none without (kernel.client_address).
TRUSTED_PROXIES = env.read_as(
    "TRUSTED_PROXIES", client_address.trusted, "a number of proxies or their networks"
)
PROXY_ADDRESS_HEADER = (
    env.read_as("PROXY_ADDRESS_HEADER", client_address.header_name, "the name of a header") or ""
)
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes ask the process, not the proxy
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
DATA_UPLOAD_MAX_NUMBER_FILES = 0
OWN_SCRIPT_PATHS = ["/administration/"]  # the admin knows no nonces; its scripts come from our own host
API_PER_MINUTE = env.integer("API_PER_MINUTE", 600, least=1)  # requests of one token; counted in Redis
OUTBOUND_ALLOW = env_addresses.places("OUTBOUND_ALLOW")
WEBHOOK_SECRET = env_addresses.signing_secret("WEBHOOK_SECRET")
# A monitor outside, which alerts when the desk's pings stop: only something else can say that all of this is dead.
DEADMAN_URL = env.text("DEADMAN_URL", "")
if DEADMAN_URL and not re.fullmatch(r"https?://[^/@\s]+(/\S*)?", DEADMAN_URL):
    raise ImproperlyConfigured(
        "DEADMAN_URL must be the http or https URL of a monitor, without user or password."
    )

# ── Static files: hashed names from our own host ─────────────────────────────────────────────────────────────────
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING  # a test needs no collected files; the real processes always use hashed ones
        else "incidentdesk.kernel.static_files.HashedFiles"
    },
}
WHITENOISE_USE_FINDERS = TESTING
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# ── Mail ─────────────────────────────────────────────────────────────────────────────────────────────────────────
# Without SMTP_URL, mail is kept under DATA_DIR and shown as "kept here, not sent".
_smtp = env_addresses.smtp("SMTP_URL")
EMAIL_HOST = _smtp.host
EMAIL_PORT = _smtp.port
EMAIL_HOST_USER = _smtp.user
EMAIL_HOST_PASSWORD = _smtp.password
EMAIL_USE_TLS = _smtp.starttls
EMAIL_USE_SSL = _smtp.tls
MAIL_DOMAIN = _base.message_domain
DEFAULT_FROM_EMAIL = env_addresses.sender("MAIL_FROM", f"Incident Desk <desk@{_base.mail_domain}>")

# ── Time, language, logs ─────────────────────────────────────────────────────────────────────────────────────────
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "incidentdesk.formats"
USE_I18N = False
LANGUAGE_CODE = "en"
LOG_LEVEL = env.choice(
    "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "WARNING", fold=str.upper
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "incidentdesk.kernel.logs.Line",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {
        "links": {"()": "incidentdesk.kernel.logs.MaskLinks"},
        "seldom": {"()": "incidentdesk.kernel.seldom.OnceAMinute"},
        "refusals": {"()": "incidentdesk.kernel.seldom.RefusalsOnceAMinute"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals", "links"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Without a database the pool says so several times a second.
        "psycopg.pool": {"filters": ["seldom"]},
    },
}
