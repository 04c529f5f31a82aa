"""Take secrets and personal identifiers out of prompts before they are kept: what is stored cannot leak.

Patterns find what has a shape (keys, passwords in assignments and addresses, e-mail, IBAN, card and social
security numbers); names and free text have none and stay. Each pattern is linear in the length of its input.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

WORDS = r"(?:passwor[dt]|passwd|passphrase|pwd|secret|token|api[ _-]?key|access[_-]?key|credentials?)"
# Name of the placeholder, and what it stands for. Order matters: at one place the first that fits wins.
PATTERNS = (
    ("private key", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:(?!-----)[\s\S]){0,20000}"
                    r"(?:-----END [A-Z ]{0,30}KEY-----)?"),
    ("token", r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|ant[-_]|proj[-_])?[A-Za-z0-9_-]{16,400}"),
    ("token", r"\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}"),
    ("token", r"\bglpat-[A-Za-z0-9_-]{20,255}"),
    ("token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}|\bnpm_[A-Za-z0-9]{30,255}|\bpypi-[A-Za-z0-9_-]{30,400}"),
    ("token", r"\bhr[a-z]?_[A-Za-z0-9_-]{20,255}|\bhf_[A-Za-z0-9]{30,255}"),
    ("token", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}"),
    ("token", r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,4000}"),
    ("token", r"(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{16,4000}"),
    ("password", r"(?<=://)[^\s:/@]{0,100}:[^\s/@]{1,200}(?=@)"),
    ("secret", rf"(?i:(?P<name>{WORDS}[A-Za-z0-9_-]{{0,40}}[\"']?\s{{0,3}}"
               r"(?:=|:|\bis\b)\s{0,3}))(?:\"[^\"\n]{3,400}\"|'[^'\n]{3,400}'|[^\s\"',;]{6,400})"),
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}"),
    ("iban", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("card", r"(?<![\w.-])[0-9](?:[ -]?[0-9]){12,18}(?![\w-])"),
    ("ssn", r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])"),
)  # fmt: skip
ANY = re.compile("|".join(f"(?P<p{number}>{pattern})" for number, (_, pattern) in enumerate(PATTERNS)))


@dataclass(frozen=True)
class Redacted:
    """A text that may be kept, and how many of each kind were taken out of it."""

    text: str
    taken: Mapping[str, int]


def redact(text: str) -> Redacted:
    """The text with `[redacted: kind]` in place of each secret or identifier."""
    taken: Counter[str] = Counter()

    def replace(found: re.Match[str]) -> str:
        number = next(number for number in range(len(PATTERNS)) if found[f"p{number}"] is not None)
        kind, whole = PATTERNS[number][0], found[0]
        if (kind == "iban" and not is_iban(whole)) or (kind == "card" and not is_card(whole)):
            return whole
        taken[kind] += 1
        return f"{found['name'] or ''}[redacted: {kind}]"

    return Redacted(ANY.sub(replace, text), dict(taken))


def is_iban(text: str) -> bool:
    """ISO 13616: the first four moved to the end, letters as numbers, is 1 modulo 97."""
    plain = text.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """ISO/IEC 7812: the Luhn sum of the digits ends in 0."""
    digits = [int(letter) for letter in text if letter.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1
