"""Settings of the service: from the command line, the environment (`CAPITATION_...`) or a file, shown at start without secrets.

What is given on the command line goes before the environment, the environment before the file. The file is `capitation.toml`
in the folder the service is started from, or the one that CAPITATION_SETTINGS names; its keys are the fields below.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from api.service.records.addresses import is_local_or_https, secret_bytes
from api.service.security.proofs.credentials import masked
from api.service.security.proofs.local_token import TOKEN_FILE
from api.service.security.proofs.tokens import TokenRules
from capitation.errors import DocumentError, Fault, Faults, suggest
from capitation.records.documents import read_mapping

STORE_FILE = "capitation.db"
"""Name of the embedded store, in the folder the service is started from."""

SETTINGS_FILE = "capitation.toml"
"""Name of the settings' file, in the folder the service is started from."""

PACKS_FOLDER = "capitation-packs"
"""Name of the folder in which data packs that were sent are unpacked."""

_PREFIX = "CAPITATION_"
_ELSEWHERE = {"CAPITATION_SETTINGS", "CAPITATION_SHARED"}


class Settings(BaseSettings):
    """How one instance of the service is set up; every field may come from `CAPITATION_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    store: str = ""
    """Database URL; empty means an SQLite file in the folder the service is started from."""
    data: Path | None = None
    """Folder of the data pack; the one that ships where it is not set."""
    packs: Path | None = None
    """Folder in which data packs that were sent are unpacked; one in the folder the service is started from where not set."""
    organisation: str = Field(default="", max_length=64)
    """Code of the organisation that runs the system; that of the data pack's scenarios where it is not set."""
    local_access: bool = True
    """Whether, until the first key is issued, whoever shows the token that `capitation serve` prints may act as an analyst."""
    local_token: Path | None = None
    """File of that token; one in the folder the service is started from where not set."""
    secure_cookies: bool = False
    """Whether cookies are sent over TLS only: set it where a server that speaks TLS stands in front."""
    token_issuer: str = ""
    """Issuer of OAuth2 access tokens that are accepted (claim iss); none where it is empty."""
    token_audience: str = "capitation"
    """Audience that access tokens must be for (claim aud)."""
    token_keys: str = ""
    """File or https address of the issuer's public keys (JWKS)."""
    token_organisation_claim: str = "organisation"
    """Claim of an access token that holds the code of the client's organisation."""
    token_role_claim: str = "role"
    """Claim of an access token that holds the client's role or a list with it; `a.b` is the claim b inside the claim a."""
    token_roles: dict[str, str] = Field(default_factory=dict)
    """The issuer's words for roles, each with the role it stands for, such as {"cap-analysts": "analyst"}."""
    token_life_seconds: int = Field(default=3_600, ge=60)
    """The longest time from issue to end of an access token that is accepted."""
    webhook_url: str = ""
    """Address that is sent a signed message when a job has ended; none where it is empty."""
    webhook_secret: SecretStr = SecretStr("")
    """What is shared with its receiver: whsec_ and 24 to 64 bytes in base64."""
    key_seconds: float = Field(default=2.0, ge=0, le=60)
    """How long a key or token that was found good is taken to be good without looking again."""
    smallest_shown: int = Field(default=5, ge=3)
    """Smallest number of people, other than 0, that is shown to callers who do not make runs."""
    scheduler: str = ""
    """Address of a Dask scheduler whose workers do jobs, such as tls://10.0.0.5:8786; where it is empty, workers of the service do."""
    scheduler_ca: Path | None = None
    """File of the certificate authority, for tls://."""
    scheduler_certificate: Path | None = None
    """File of this side's certificate, for tls://."""
    scheduler_key: Path | None = None
    """File of its key, for tls://."""
    scheduler_seconds: float = Field(default=10.0, gt=0)
    """How long the scheduler and its first worker are waited for."""
    accounts: Path | None = None
    """CSV file of account codes for journals; the data pack's where it is not set."""
    chart: Path | None = None
    """CSV file of the ledger's account codes, against which those of `accounts` are checked."""
    workers: int = Field(default=1, ge=0, le=64)
    """Workers that run inside each server process; 0 where `capitation worker` processes do the work."""
    lease_seconds: float = Field(default=15.0, gt=0)
    """How long a worker holds a job without a sign of life before another may take it."""
    poll_seconds: float = Field(default=0.2, gt=0)
    """How often an idle worker looks for work."""
    attempts: int = Field(default=5, ge=1)
    """How often a job is started before it is given up as failed."""
    wait_seconds: int = Field(default=60, ge=0, le=600)
    """Longest time for which a creating request may wait for its job (`Prefer: wait=...`)."""
    body_bytes: int = Field(default=16_000_000, ge=1)
    """Largest request body that is read."""
    rate_requests: int = Field(default=60_000, ge=1)
    """Requests a client may make in one window, counted by all processes of a server; by default about half of what one can answer."""
    rate_seconds: int = Field(default=60, ge=1)
    """Length of the window of the rate limit."""
    rate_counts: Path | None = None
    """File in which the processes of a server count requests together; `serve` makes one where there are several processes."""
    connections: int = Field(default=800, ge=1)
    """Connections that a server process keeps open; beyond, the one that has been idle longest is closed."""
    header_seconds: float = Field(default=10.0, gt=0)
    """How long the headers of a request may take."""
    header_bytes: int = Field(default=64_000, ge=1_000)
    """How large the headers of a request may be."""
    body_seconds: float = Field(default=120.0, gt=0)
    """How long the body of a request may take."""
    write_seconds: float = Field(default=60.0, gt=0)
    """How long a client may take nothing of an answer before its connection is closed."""
    streams: int = Field(default=200, ge=1)
    """Streams of events that a server process keeps open."""
    streams_each: int = Field(default=20, ge=1)
    """Streams of events that a client may have open at a server process."""
    stream_seconds: float = Field(default=300.0, gt=0)
    """After how long without an event a stream is ended; its reader continues it with Last-Event-ID."""
    remembered_bytes: int = Field(default=64_000_000, ge=0)
    """Memory for answers that cannot have changed, in each server process."""
    idempotency_hours: float = Field(default=48.0, gt=0)
    """How long the answer to an Idempotency-Key is kept."""

    @model_validator(mode="after")
    def _tokens_are_whole(self) -> Settings:
        if bool(self.token_issuer) != bool(self.token_keys):
            raise ValueError(
                "token_issuer and token_keys go together: who issues access tokens, and where their public keys are"
            )
        if "://" in self.token_keys and not is_local_or_https(self.token_keys):
            raise ValueError(
                "token_keys is a file, an https address, or http on this machine, without a user or password"
            )
        return self

    @model_validator(mode="after")
    def _webhooks_are_whole(self) -> Settings:
        secret = self.webhook_secret.get_secret_value()
        if bool(self.webhook_url) != bool(secret):
            raise ValueError("webhook_url and webhook_secret go together: where messages go, and what signs them")
        if self.webhook_url and not is_local_or_https(self.webhook_url):
            raise ValueError("webhook_url is an https address, or http on this machine, without a user or password")
        if secret:
            secret_bytes(secret)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was given, then the environment, then the file."""
        return init_settings, env_settings, _File(settings_cls)

    @property
    def store_url(self) -> str:
        """The database URL, with the default put in."""
        return self.store or f"sqlite:///{Path.cwd() / STORE_FILE}"

    @property
    def packs_folder(self) -> Path:
        """Where data packs that were sent are unpacked, with the default put in."""
        return self.packs or Path.cwd() / PACKS_FOLDER

    @property
    def local_token_file(self) -> Path:
        """Where the token of local access is kept, with the default put in."""
        return self.local_token or Path.cwd() / TOKEN_FILE

    @property
    def token_rules(self) -> TokenRules | None:
        """Which access tokens are accepted; None where there is no issuer."""
        if not self.token_issuer:
            return None
        return TokenRules(
            issuer=self.token_issuer,
            audience=self.token_audience,
            organisation_claim=self.token_organisation_claim,
            role_claim=self.token_role_claim,
            roles=self.token_roles,
            longest_life_seconds=self.token_life_seconds,
        )

    def shown(self) -> dict[str, Any]:
        """The settings as they may be printed: passwords in addresses are masked.

        Raises:
            DocumentError: the database URL cannot be read.
        """
        try:
            url = make_url(self.store_url).render_as_string(hide_password=True)
        except ArgumentError as error:
            fault = Fault("CAPITATION_STORE", "a text that is no URL", "such as sqlite:///capitation.db")
            raise DocumentError("the setting CAPITATION_STORE cannot be used", [fault]) from error
        said = self.model_dump(mode="json").items()
        return {
            **{name: masked(value) if isinstance(value, str) else value for name, value in said},
            "store": url,
            "packs": str(self.packs_folder),
            "local_token": str(self.local_token_file),
        }


def settings_file() -> Path | None:
    """The settings' file, if there is one.

    Raises:
        DocumentError: CAPITATION_SETTINGS names a file that is not there.
    """
    named = os.environ.get("CAPITATION_SETTINGS", "")
    path = Path(named or SETTINGS_FILE)
    if path.is_file():
        return path
    if named:
        raise DocumentError(
            "the settings cannot be used", [Fault("CAPITATION_SETTINGS", named, "a file that is there")]
        )
    return None


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none, with the setting that may be meant."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    lost = sorted(n for n in os.environ if n.startswith(_PREFIX) and n not in known | _ELSEWHERE)
    return [f"{name} is no setting. {suggest(name, known)}".rstrip() for name in lost]


class _File(PydanticBaseSettingsSource):
    """The settings' file as a source; a key that is no setting is a fault."""

    def __call__(self) -> dict[str, Any]:
        path = settings_file()
        if path is None:
            return {}
        content, faults = read_mapping(path), Faults()
        for key in content:
            if key not in Settings.model_fields:
                faults.add(
                    f"{path}: {key}", "a key that is no setting", "a setting", suggest(key, Settings.model_fields)
                )
        faults.raise_if_any(DocumentError, "the settings cannot be used")
        return content

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401  # as the base has it
        """Not used: the file is read whole."""
        return None, field_name, False
