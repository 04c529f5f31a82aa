"""Numbers whose last digits prove the others: right ones, whole columns at once, that nobody issued.

Sources: ISO 7812-1 (Luhn), ISO 13616 (IBAN), ISO 7064 (mod 97, mod 11,10), GS1 (EAN), and the rules of the
tax offices named below. Digits are matrices of int64, one row per number, 0..9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Digits = NDArray[np.int64]
Texts = NDArray[Any]
DNI = np.array(list("TRWAGMYFPDXBNJZSQVHLCKE"))


def luhn(digits: Digits) -> Digits:
    """The check digit that makes a number right by Luhn."""
    doubled = digits.copy()
    doubled[:, ::-1][:, ::2] *= 2
    found: Digits = -(doubled - 9 * (doubled > 9)).sum(axis=1) % 10
    return found


def ean(digits: Digits) -> Digits:
    """The check digit of GS1: EAN-8, EAN-13, UPC, GTIN."""
    weights = np.where(np.arange(digits.shape[1])[::-1] % 2 == 0, 3, 1)
    return -(digits @ weights) % 10


def weighted(*weights: int, modulus: int = 10) -> Callable[[Digits], Digits]:
    """The check digit that completes a weighted sum to a multiple of the modulus, ten written as 0."""
    return lambda digits: -(digits @ np.array(weights)) % modulus % 10


def mod_11_10(digits: Digits) -> Digits:
    """The check digit of ISO 7064 mod 11,10: German tax numbers, Croatian OIB."""
    product = np.full(len(digits), 10)
    for place in range(digits.shape[1]):
        rest = (digits[:, place] + product) % 10
        product = np.where(rest == 0, 10, rest) * 2 % 11
    return (11 - product) % 10


CHECKS: dict[str, Callable[[Digits], Digits]] = {"luhn": luhn, "ean": ean}


def joined(digits: Digits) -> Texts:
    """Each row of digits as one text."""
    letters = np.ascontiguousarray(digits + 48, dtype=np.uint32)
    texts: Texts = letters.view(f"<U{digits.shape[1]}").ravel().astype(object)
    return texts


def drawn(rows: int, count: int, rng: np.random.Generator, first: tuple[int, ...] = ()) -> Digits:
    """Random digits, the first ones given."""
    found: Digits = rng.integers(0, 10, (rows, count))
    found[:, : len(first)] = first
    return found


def cards(rows: int, rng: np.random.Generator) -> Texts:
    """Sixteen digits right by Luhn, in a range that cards for tests begin with."""
    return joined(_completed(drawn(rows, 15, rng, (4, 0, 0, 0, 0, 0)), luhn))


def ibans(country: str, length: int, rows: int, rng: np.random.Generator) -> Texts:
    """Account numbers with a right check number, at a bank whose number is all noughts."""
    digits = drawn(rows, length, rng, (0,) * min(8, length // 2))
    tail = [int(char, 36) for char in country]
    rest = _modulo(digits, 97)
    for letter in tail:
        rest = (rest * 100 + letter) % 97
    check = 98 - rest * 100 % 97
    texts: Texts = country + joined(np.column_stack([check // 10, check % 10])) + joined(digits)
    return texts


def national_ids(country: str, rows: int, rng: np.random.Generator) -> Texts | None:
    """Numbers of the kind a state gives its people, right where they have check digits; None if unknown."""
    if country == "US":  # no person has an area of 900 or more, nor a taxpayer number with a group below 50
        digits = drawn(rows, 9, rng, (9,))
        digits[:, 3] %= 5
        return _dashed(joined(digits), (3, 5), "-")
    if country == "GB":  # QQ is the prefix of examples
        return np.asarray(
            "QQ" + joined(drawn(rows, 6, rng)) + np.array(list("ABCD"))[rng.integers(0, 4, rows)]
        )
    if country == "ES":
        digits = drawn(rows, 8, rng, (0, 0))
        return np.asarray(joined(digits) + DNI[_modulo(digits, 23)].astype(object))
    if country == "FR":
        digits = drawn(rows, 13, rng)
        digits[:, 0] = rng.integers(1, 3, rows)
        digits[:, 3:5] = _two(rng.integers(1, 13, rows))
        digits[:, 5:7] = 9  # department 99 and a place that is none: 99 0xx
        digits[:, 7] = 0
        return np.asarray(joined(digits) + joined(_two(97 - _modulo(digits, 97))))
    if country == "PL":
        digits = drawn(rows, 10, rng)
        digits[:, 2:4], digits[:, 4:6] = _two(rng.integers(1, 13, rows)), _two(rng.integers(1, 29, rows))
        return joined(_completed(digits, weighted(1, 3, 7, 9, 1, 3, 7, 9, 1, 3)))
    if country == "BR":
        digits = _completed(drawn(rows, 9, rng, (0, 0)), _cpf)
        return joined(_completed(digits, _cpf))
    if country == "SE":
        digits = drawn(rows, 9, rng)
        digits[:, 2:4], digits[:, 4:6] = _two(rng.integers(1, 13, rows)), _two(rng.integers(1, 29, rows))
        return _dashed(joined(_completed(digits, luhn)), (6,), "-")
    if country == "DE":  # a first nought marks numbers for tests
        return joined(_completed(drawn(rows, 10, rng, (0,)), mod_11_10))
    if country == "HR":
        return joined(_completed(drawn(rows, 10, rng, (0, 0)), mod_11_10))
    if country == "CH":
        return _dashed(joined(_completed(drawn(rows, 12, rng, (7, 5, 6, 0, 0)), ean)), (3, 7, 11), ".")
    if country == "NL":
        digits = drawn(rows, 8, rng, (0, 0))
        while True:  # eleven-proof numbers have no digit for ten
            sums = digits @ np.arange(9, 1, -1) % 11
            if not (wrong := np.flatnonzero(sums == 10)).size:
                return joined(np.column_stack([digits, sums]))
            digits[wrong, 2:] = rng.integers(0, 10, (len(wrong), 6))
    return None


def _cpf(digits: Digits) -> Digits:
    rest = digits @ np.arange(digits.shape[1] + 1, 1, -1) * 10 % 11
    return rest % 10


def _completed(digits: Digits, check: Callable[[Digits], Digits]) -> Digits:
    return np.column_stack([digits, check(digits)])


def _modulo(digits: Digits, divisor: int) -> NDArray[np.int64]:
    """The numbers modulo something, digit by digit: they are longer than 64 bits."""
    rest = np.zeros(len(digits), dtype=np.int64)
    for place in range(digits.shape[1]):
        rest = (rest * 10 + digits[:, place]) % divisor
    return rest


def _two(numbers: NDArray[np.int64]) -> Digits:
    return np.column_stack([numbers // 10, numbers % 10])


def _dashed(texts: Texts, places: tuple[int, ...], mark: str) -> Texts:
    """The texts with a mark before these places."""
    wide = texts.astype(str)
    letters = wide.view(np.uint32).reshape(len(wide), -1)
    marked = np.insert(letters, places, ord(mark), axis=1)
    found: Texts = np.ascontiguousarray(marked).view(f"<U{marked.shape[1]}").ravel().astype(object)
    return found
