"""Settings: everything that differs between installations comes from the environment (see env.py)."""

from datetime import timedelta
from pathlib import Path

import pghistory
from csp.constants import NONE, SELF
from dj_database_url import parse as parse_database_url
from django.db.models import DO_NOTHING

from portal import logs
from portal.composition import PALETTE, USE_CASE_FILTERS, USE_CASE_LATENESS  # noqa: F401 - settings
from portal.env import address, flag, key_bytes, number, optional_secret, required, stop, text, words
from portal.wiring import (  # noqa: F401
    CELERY_BEAT_SCHEDULE,
    COMPONENT_PANELS,
    LEAVERS_HOLDINGS,
    LEAVERS_VERBS,
    LIFECYCLES,
    NAVIGATION,
    RETURNERS_VERBS,
    SHIPPED_CONTENT,
    USE_CASE_PANELS,
    USE_CASE_TABS,
)

VERSION = "0.1.0"
BASE_DIR = Path(__file__).resolve().parent.parent
GATEHOUSE_HOME = Path(text("GATEHOUSE_HOME", str(BASE_DIR / "var"))).resolve()

DEBUG = False
SECRET_KEY = required("SECRET_KEY", "a long random string that signs sessions", shortest=32)
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS", [])
SEALING_KEY = key_bytes("SEALING_KEY", "32 random bytes as base64 that seal connector secrets at rest")
ALLOWED_HOSTS = words("ALLOWED_HOSTS", ["127.0.0.1", "localhost"])
PUBLIC_URL = address("PUBLIC_URL", text("PUBLIC_URL", "http://127.0.0.1:8000"), "https", "http").rstrip("/")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", [])
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "usecases.apps.UseCasesConfig",
    "evidence.apps.EvidenceConfig",
    "approvals.apps.ApprovalsConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "pgtrigger",
    "pghistory",
    "guardian",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "template_partials",
    "lucide",
    "csp",
]

MIDDLEWARE = [
    "portal.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.BoundsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.SessionLimitsMiddleware",
    "portal.middleware.ActorMiddleware",
    "portal.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.ProblemMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.portal",
            ],
        },
    },
]

FORM_RENDERER = "portal.form_renderer.Renderer"

# --- Database -------------------------------------------------------------------------------------------------------
# The portal runs as a role that owns nothing; only migrations use the owner, through their own alias.


def _database(name: str, url: str, *, pooled: bool) -> dict[str, object]:
    try:
        config: dict[str, object] = dict(parse_database_url(address(name, url, "postgres", "postgresql")))
    except ValueError:
        stop(f"{name} is not a complete address: postgres://user:password@host:port/database.")
    options: dict[str, object] = {
        # The last: how near a title must come to mistyped words; the usual 0.6 refuses two swapped letters.
        "options": "-c statement_timeout=10s -c lock_timeout=2s -c idle_in_transaction_session_timeout=15s"
        " -c pg_trgm.word_similarity_threshold=0.25"
    }
    if pooled:
        options["pool"] = {"min_size": 1, "max_size": number("DATABASE_POOL", 8), "timeout": 10}
    config["OPTIONS"] = options
    config["ATOMIC_REQUESTS"] = False
    config["DISABLE_SERVER_SIDE_CURSORS"] = False
    return config


DATABASES = {
    "default": _database(
        "DATABASE_URL",
        required("DATABASE_URL", "the address of PostgreSQL for the application's role"),
        pooled=flag("DATABASE_POOLED", True),
    ),
}
if _owner_url := text("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL", _owner_url, pooled=False)
    DATABASES["owner"]["OPTIONS"] = {"options": "-c lock_timeout=2s"}
# A history row names what its row named, without holding on to it: it outlives both.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False, db_constraint=False, on_delete=DO_NOTHING)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache, broker, workers -----------------------------------------------------------------------------------------

BROKER_URL = address(
    "BROKER_URL",
    required("BROKER_URL", "the address of Valkey, Redis or RabbitMQ for the workers"),
    *("redis", "rediss", "redis+socket", "amqp", "amqps"),
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": address(
            "CACHE_URL",
            required("CACHE_URL", "the address of Valkey or Redis for the cache"),
            *("redis", "rediss", "unix"),
        ),
        "KEY_PREFIX": "gatehouse",
        "TIMEOUT": 300,
    }
}
CELERY_BROKER_URL = BROKER_URL
# Installations that share a broker take a queue each, so that their workers do not hear of each other's rows.
CELERY_TASK_DEFAULT_QUEUE = text("TASK_QUEUE", "gatehouse")
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
# Longer than any task; PostgreSQL is the queue of record, so a message lost here costs promptness only.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1800}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
USAGE_KEPT_MONTHS = number("USAGE_KEPT_MONTHS", 0)  # whole months of raw usage before the current one; 0 keeps all

# --- People and sign-in ---------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "portal.sso.LocalBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name", "email")},
    },
]
LOCAL_SIGN_IN = flag("LOCAL_SIGN_IN", True)
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_RAISE_403 = False
# Permissions are read by our own policies, never through an authentication backend.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "portal.views.sign_in.locked_out"
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "gatehouse_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE = timedelta(minutes=30) if SECURE else timedelta(hours=8)
SESSION_ABSOLUTE = timedelta(hours=12)
STEP_UP_AGE = timedelta(minutes=15)
CSRF_COOKIE_NAME = "gatehouse_csrf"
CSRF_COOKIE_SECURE = SECURE
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"

OIDC_OP_ISSUER = text("OIDC_ISSUER")
OIDC_ENABLED = bool(OIDC_OP_ISSUER)
if OIDC_ENABLED:
    AUTHENTICATION_BACKENDS.insert(1, "portal.sso.OidcBackend")


def _provider(name: str) -> str:
    """What single sign-on cannot do without, once an issuer is named."""
    what = "single sign-on needs it; `manage.py oidc_discover` prints the provider's addresses"
    return required(name, what) if OIDC_ENABLED else text(name)


OIDC_RP_CLIENT_ID = _provider("OIDC_CLIENT_ID")
OIDC_RP_CLIENT_SECRET = _provider("OIDC_CLIENT_SECRET")
OIDC_OP_AUTHORIZATION_ENDPOINT = _provider("OIDC_AUTHORIZATION_ENDPOINT")
OIDC_OP_TOKEN_ENDPOINT = _provider("OIDC_TOKEN_ENDPOINT")
OIDC_OP_JWKS_ENDPOINT = _provider("OIDC_JWKS_ENDPOINT")
# The library insists on the setting; the portal never asks there.
OIDC_OP_USER_ENDPOINT = text("OIDC_USER_ENDPOINT")
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = text("OIDC_SCOPES", "openid profile email")
OIDC_ROLES_CLAIM = text("OIDC_ROLES_CLAIM", "roles")
OIDC_USE_PKCE = True
OIDC_PKCE_CODE_CHALLENGE_METHOD = "S256"
OIDC_TIMEOUT = 5
OIDC_VERIFY_KID = flag("OIDC_VERIFY_KID", True)
OIDC_CREATE_USER = True

# --- The web --------------------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": (),
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        # The hash is of the empty string: plotly opens an empty <style> and fills it through the object model.
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_SSL_REDIRECT = False
if flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

# Bytes a request may carry, by path prefix; the first match counts. Everything else: the default.
BODY_LIMIT_DEFAULT = 1024 * 1024
BODY_LIMITS = {
    "/api/v1/evaluation-runs/": 16 * 1024 * 1024,
    "/api/v1/usage-records/": 16 * 1024 * 1024,
    "/api/v1/imports/": 21 * 1024 * 1024,
    "/imports/": 21 * 1024 * 1024,
    "/connectors/": 32 * 1024 * 1024,
    "/documents/": 22 * 1024 * 1024,
    "/api/v1/documents/": 22 * 1024 * 1024,
    "/api/v1/gate/check/": 64 * 1024,
    "/sign-in/": 16 * 1024,
    "/scim/v2/": 256 * 1024,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "portal.finders.PlotlyFinder",
]
# Straight out of the packages unless a build step collected, hashed and compressed them into STATIC_ROOT.
STATIC_ROOT = text("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": GATEHOUSE_HOME / "files"},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "portal.finders.ModuleStaticFilesStorage"
    },
}

USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Without a mail server messages are written to files, so that a trial installation tells nobody by accident.
EMAIL_HOST = text("EMAIL_HOST")
EMAIL_PORT = number("EMAIL_PORT", 587)
EMAIL_HOST_USER = text("EMAIL_USER")
EMAIL_HOST_PASSWORD = text("EMAIL_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_TLS", True)
# Below the database's limit on idle transactions: a message's row is locked while it is sent.
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = text("EMAIL_BACKEND", f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend")
EMAIL_FILE_PATH = GATEHOUSE_HOME / "mail"
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", "gatehouse@localhost")

# --- API ------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "portal.api.authentication.PersonSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.authentication.SignedIn"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.GatehouseAutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["portal.api.throttling.ActorThrottle"],
    "DEFAULT_THROTTLE_RATES": {"actor": text("API_RATE", "6000/min")},
    "EXCEPTION_HANDLER": "portal.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatehouse API",
    "DESCRIPTION": "Register AI use cases, push evidence, propose and decide releases, and ask whether one may deploy.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["portal.api.authentication.SignedIn"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Several inputs have a field named “kind”; their words get names of their own.
    "ENUM_NAME_OVERRIDES": {
        "ComponentKindEnum": "usecases.choices.ComponentKind",
        "DocumentKindEnum": "usecases.choices.DocumentKind",
        "RequestKindEnum": "usecases.choices.RequestKind",
        "WorkKindEnum": "usecases.choices.WorkKind",
        "PatternEnum": "usecases.choices.Pattern",
        "ChosenPatternEnum": "usecases.choices.CHOSEN_PATTERNS",
        "ConnectorKindEnum": "evidence.choices.ConnectorKind",
        "JudgeKindEnum": "evidence.choices.JudgeKind",
        # The register's filters ask for the same words under names of their own.
        "ClassificationEnum": "usecases.choices.DataClass",
        "OutcomeEnum": "approvals.choices.Outcome",
        "TierEnum": "usecases.choices.Tier",
        "FilteredTierEnum": "usecases.finding.filters.TIER.choices",
    },
}

# Who may read /metrics: the bearer of this token; without one, callers on the same machine.
METRICS_TOKEN = optional_secret("METRICS_TOKEN", shortest=16)
LOGGING = logs.configuration(level=text("LOG_LEVEL", "INFO"))
LOGGING_CONFIG = "portal.logs.configure"
