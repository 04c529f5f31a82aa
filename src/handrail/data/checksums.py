"""Recognise numbers that identify a person or an account by their own check digits."""

from __future__ import annotations

import re

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_SSN = re.compile(r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(\d{2} ?){3}[A-D]")
_DNI = re.compile(r"[XYZ\d]\d{7}[A-Z]")
_NIR = re.compile(r"[12]\d{2}(0[1-9]|1[0-2])\d{2}\d{3}\d{3}\d{2}")
_PESEL = re.compile(r"\d{11}")


def is_iban(value: str) -> bool:
    """An IBAN with a right check number (ISO 13616: the rearranged number is 1 modulo 97)."""
    plain = value.replace(" ", "").upper()
    if not _IBAN.fullmatch(plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def is_card_number(value: str) -> bool:
    """A payment card number: 13 to 19 digits, a known first digit, right by Luhn (ISO/IEC 7812-1)."""
    digits = re.sub(r"[ -]", "", value)
    if not (digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19 and digits[0] in "3456"):
        return False
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def is_national_id(value: str) -> bool:
    """A US social security, UK insurance, Spanish DNI/NIE, French NIR or Polish PESEL number."""
    plain = value.strip().upper()
    return (
        bool(_SSN.fullmatch(plain) or _NINO.fullmatch(plain))
        or _is_dni(plain)
        or _is_nir(plain.replace(" ", ""))
        or _is_pesel(plain)
    )


def _is_dni(value: str) -> bool:
    if not _DNI.fullmatch(value):
        return False
    number = int(value[:-1].translate(str.maketrans("XYZ", "012")))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == value[-1]


def _is_nir(value: str) -> bool:
    return bool(_NIR.fullmatch(value)) and 97 - int(value[:13]) % 97 == int(value[13:])


def _is_pesel(value: str) -> bool:
    if not _PESEL.fullmatch(value) or not 1 <= int(value[2:4]) % 20 <= 12 or not 1 <= int(value[4:6]) <= 31:
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return -sum(int(d) * w for d, w in zip(value[:10], weights, strict=True)) % 10 == int(value[10])
