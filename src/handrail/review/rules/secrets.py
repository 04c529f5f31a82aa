"""What a credential looks like: vendor shapes, names that promise one, and values that keep the promise."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_LINE = 20_000  # characters of one line that are searched

# Shapes published by the vendors in their own documentation; each is specific enough to stand alone.
VENDORS = (
    ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b"),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("OpenAI or Anthropic key", r"\bsk-(?:(?:proj|ant|live|svcacct)-)?[A-Za-z0-9_-]{20,}"),
    ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b"),
    ("Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("Slack webhook", r"https://hooks\.slack\.com/services/[A-Z0-9]{6,}/[A-Z0-9]{6,}/[A-Za-z0-9]{16,}"),
    ("Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("Google OAuth secret", r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),
    ("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z]{30,}\b"),
    ("Databricks token", r"\bdapi[0-9a-f]{32}\b"),
    ("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{30,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("Shopify token", r"\bshp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}\b"),
    ("DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    ("Telegram bot token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    ("Azure storage key", r"AccountKey=[A-Za-z0-9+/]{40,}={0,2}"),
    ("JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
)
VENDOR = [(name, re.compile(pattern)) for name, pattern in VENDORS]
# What every shape above and below has in it, so that one quick search spares most lines all the slow ones.
SUSPECT = re.compile(
    r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|sk-|[rs]k_|xox|hooks\.slack|AIza|GOCSPX|SG\.|hf_|dapi|pypi-|npm_"
    r"|shp|do[opr]_v1|:AA|AccountKey|eyJ|-----BEGIN|://|(?i:bearer|basic)"
)
URL_PASSWORD = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,30}://([^\s:/@'\"<>]{0,80}):([^\s/@'\"<>]{1,120})@([^\s'\"/:]{1,200})"
)
NOWHERE = frozenset({"ip", "host", "hostname", "server", "address", "db_host", "domain", "your_host"})
ODBC_PASSWORD = re.compile(r"(?i)(?:^|;)\s*(?:pwd|password)\s*=\s*([^;'\"]{3,120})(?:;|$)")
BEARER = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,400})")

APP_PASSWORD = re.compile(r"[a-z]{4}(?: [a-z]{4}){3}")  # as mail providers hand them out
PASSWORD_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|passphrase|pwd|pass|pw)(?:[_-]?\d+)?$|(?:[a-z](?:Password|Passwd))$"
)
TOKEN_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:(?:api|access|auth|secret|private|encryption|signing|account|master|app|subscription)[_-]?key"
    r"|secret|client[_-]?secret|token|credential|jwt|salt|webhook[_-]?secret)(?:[_-]?\d+)?$"
    r"|[a-z](?:ApiKey|SecretKey|AccessKey|Secret|Token)$|^(?:apiKey|secretKey|accessKey|authToken|accessToken)$"
)
NOT_A_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:next|page|continuation|csrf|first|last|current|num|n|max|min)[_-]?token|sort[_-]?key"
)
PLACEHOLDER = re.compile(
    r"(?i)your|<[^>]*>|^\W*$|x{4,}|\*{3,}|\.{3,}|…|change[-_ "
    "]?me|replace|placeholder|example|dummy|fake|redacted"
    r"|insert|todo|^\$|\$\{|\{\{|\{[^}]*\}|%\(|^%s$|^env[:.]|^none$|^null$|^test$|^n/a$"
)
WORDS = frozenset(
    [
        "password",
        "passwd",
        "pass",
        "pwd",
        "secret",
        "token",
        "string",
        "text",
        "hidden",
        "required",
        "optional",
        "true",
        "false",
        "str",
        "varchar",
        "key",
        "value",
        "enter",
        "apikey",
        "credentials",
        "bearer",
        "basic",
        "input",
        "label",
        "unknown",
        "default",
    ]
)
CONNECTING = frozenset({"host", "user", "username", "dsn", "hostname", "uid", "login"})


@dataclass(frozen=True)
class Secret:
    """A credential found at an offset of a text: what it is and the value that must not be shown."""

    kind: str
    value: str

    @property
    def masked(self) -> str:
        """Enough to find it in the code, too little to use it."""
        start = self.value[:4] if len(self.value) >= 16 else ""
        return f"{start}… ({len(self.value)} characters)"


def vendor_secrets(text: str) -> Iterator[Secret]:
    """Credentials that a text gives away by their shape alone: vendor patterns and passwords in addresses."""
    listed = ";" in text and text.count("=") > 1
    if not (listed or SUSPECT.search(text)):
        return
    for kind, pattern in VENDOR:
        for match in pattern.finditer(text):
            if not PLACEHOLDER.search(match[0].removeprefix("https://")):
                yield Secret(kind, match[0])
    for match in URL_PASSWORD.finditer(text):
        if not PLACEHOLDER.search(match[2]) and match[3].lower() not in NOWHERE:
            yield Secret("password in an address", match[2])
    for match in BEARER.finditer(text):
        if not PLACEHOLDER.search(match[1]) and mixed(match[1]):
            yield Secret("authorization header", match[1])
    if listed:
        for match in ODBC_PASSWORD.finditer(text):
            if not PLACEHOLDER.search(match[1]):
                yield Secret("password in a connection string", match[1].strip())


def named_secret(name: str, value: str, *, connecting: bool = False) -> Secret | None:
    """A credential by two signals: a name that promises one and a value that looks like one.

    `connecting` says that the value is handed to something that signs in (host and user stand beside it):
    then even "password" is a password.
    """
    if not 3 <= len(value) <= 2000 or "\n" in value or PLACEHOLDER.search(value) or NOT_A_NAME.search(name):
        return None
    if PASSWORD_NAME.search(name):
        if APP_PASSWORD.fullmatch(value):
            return Secret("password", value)
        plain = value.lower() in WORDS or value.lower() == name.lower() or " " in value.strip()
        strong = connecting or any(not letter.islower() for letter in value)
        if (connecting or not plain) and strong and not _is_reference(value, connecting):
            return Secret("password", value)
    elif TOKEN_NAME.search(name) and len(value) >= 8 and " " not in value and mixed(value):
        return Secret("key or token", value)
    return None


def mixed(value: str) -> bool:
    """Whether a value looks drawn rather than written: no plain words, and little repetition."""
    if re.fullmatch(r"[a-z]+(?:[_.-][a-z]+)*|[A-Z]+(?:_[A-Z]+)*|[A-Z][a-z]+(?:[A-Z][a-z]+)*", value):
        # words: a passphrase like "super-secret-key-for-sessions" still signs sessions
        return len(re.findall(r"secret|key|passw", value)) >= 2
    if not re.fullmatch(r"[\w+/=.~:@!$%&*^?,;-]+", value):
        return False  # a pattern or a piece of code
    if re.match(r"(?:https?:)?//|/[a-z]|\./|[a-z]+\.[a-z]+\(", value):
        return False
    return entropy(value) >= 2.5


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


def _is_reference(value: str, connecting: bool) -> bool:
    """A column, form field or variable that is named after a password rather than being one."""
    return (
        not connecting
        and re.fullmatch(r"[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+|#[\w-]+|[A-Z][a-z]+", value) is not None
    )
