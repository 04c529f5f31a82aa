"""Where the people of a table live, told by aggregates: countries, dialling codes, alphabets, names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Land:
    """A country whose people can be invented, and what gives it away."""

    code: str  # ISO 3166, two letters
    long: str  # three letters
    locale: str  # of mimesis
    dial: str
    names: tuple[str, ...]  # English first
    iban: int  # digits after the check number, 0 where there is none


def _land(code: str, long: str, locale: str, dial: str, names: str, iban: int = 0) -> Land:
    return Land(code, long, locale, dial, tuple(names.split("|")), iban)


LANDS: tuple[Land, ...] = (
    _land("US", "USA", "en", "1", "United States|USA|U.S.A.|United States of America|Vereinigte Staaten"),
    _land("GB", "GBR", "en-gb", "44", "United Kingdom|UK|Great Britain|England|Scotland|Wales", 18),
    _land("CA", "CAN", "en-ca", "1", "Canada|Kanada"),
    _land("AU", "AUS", "en-au", "61", "Australia|Australien"),
    _land("DE", "DEU", "de", "49", "Germany|Deutschland|Allemagne|Alemania", 18),
    _land("AT", "AUT", "de-at", "43", "Austria|Österreich|Autriche", 16),
    _land("CH", "CHE", "de-ch", "41", "Switzerland|Schweiz|Suisse|Svizzera|Suiza", 17),
    _land("FR", "FRA", "fr", "33", "France|Frankreich|Francia", 23),
    _land("BE", "BEL", "nl-be", "32", "Belgium|België|Belgique|Belgien", 12),
    _land("NL", "NLD", "nl", "31", "Netherlands|Nederland|The Netherlands|Holland|Niederlande|Pays-Bas", 14),
    _land("ES", "ESP", "es", "34", "Spain|España|Spanien|Espagne", 20),
    _land("MX", "MEX", "es-mx", "52", "Mexico|México|Mexiko"),
    _land("AR", "ARG", "es", "54", "Argentina|Argentinien"),
    _land("CO", "COL", "es", "57", "Colombia|Kolumbien"),
    _land("CL", "CHL", "es", "56", "Chile"),
    _land("VE", "VEN", "es", "58", "Venezuela"),
    _land("PT", "PRT", "pt", "351", "Portugal", 21),
    _land("BR", "BRA", "pt-br", "55", "Brazil|Brasil|Brasilien|Brésil"),
    _land("IT", "ITA", "it", "39", "Italy|Italia|Italien|Italie", 23),
    _land("PL", "POL", "pl", "48", "Poland|Polska|Polen|Pologne", 24),
    _land("CZ", "CZE", "cs", "420", "Czech Republic|Czechia|Česká republika|Česko|Tschechien", 20),
    _land("SK", "SVK", "sk", "421", "Slovakia|Slovensko|Slowakei", 20),
    _land("HU", "HUN", "hu", "36", "Hungary|Magyarország|Ungarn", 24),
    _land("HR", "HRV", "hr", "385", "Croatia|Hrvatska|Kroatien", 17),
    _land("SE", "SWE", "sv", "46", "Sweden|Sverige|Schweden", 20),
    _land("NO", "NOR", "no", "47", "Norway|Norge|Norwegen", 11),
    _land("DK", "DNK", "da", "45", "Denmark|Danmark|Dänemark", 14),
    _land("FI", "FIN", "fi", "358", "Finland|Suomi|Finnland", 14),
    _land("IS", "ISL", "is", "354", "Iceland|Ísland|Island", 22),
    _land("EE", "EST", "et", "372", "Estonia|Eesti|Estland", 16),
    _land("IE", "IRL", "en-gb", "353", "Ireland|Éire|Irland", 18),
    _land("GR", "GRC", "el", "30", "Greece|Ελλάδα|Griechenland", 23),
    _land("TR", "TUR", "tr", "90", "Turkey|Türkiye|Türkei", 22),
    _land("RU", "RUS", "ru", "7", "Russia|Россия|Russian Federation|Russland"),
    _land("UA", "UKR", "uk", "380", "Ukraine|Україна", 25),
    _land("KZ", "KAZ", "kk", "7", "Kazakhstan|Қазақстан", 16),
    _land("JP", "JPN", "ja", "81", "Japan|日本"),
    _land("KR", "KOR", "ko", "82", "South Korea|Korea|대한민국"),
    _land("CN", "CHN", "zh", "86", "China|中国|中國"),
    _land("EG", "EGY", "ar-eg", "20", "Egypt|مصر|Ägypten", 25),
    _land("SA", "SAU", "ar-sa", "966", "Saudi Arabia|السعودية", 20),
    _land("IR", "IRN", "fa", "98", "Iran|ایران", 22),
)  # fmt: skip
HOME = LANDS[0]
_BY_CODE = {land.code: land for land in LANDS}

# Alphabets that one look tells apart: a regular expression of RE2 and the country most who write so live in.
ALPHABETS: tuple[tuple[str, str], ...] = (
    ("[\\p{Hiragana}\\p{Katakana}]", "JP"), ("\\p{Hangul}", "KR"), ("\\p{Han}", "CN"), ("\\p{Greek}", "GR"),
    ("[іїєґІЇЄҐ]", "UA"), ("\\p{Cyrillic}", "RU"), ("[پچژگ]", "IR"), ("\\p{Arabic}", "SA"),
    ("[ßẞ]", "DE"), ("[ñÑ¿¡]", "ES"), ("[ãõÃÕ]", "PT"), ("[ąęłńśźżĄĘŁŃŚŹŻ]", "PL"), ("[ěřůĚŘŮ]", "CZ"),
    ("[őűŐŰ]", "HU"), ("[ğışİĞŞ]", "TR"), ("[øæØÆ]", "DK"), ("[åÅ]", "SE"), ("[þðÞÐ]", "IS"),
    ("[äüÄÜ]", "DE"), ("[çœèêàùÇÈÊ]", "FR"),
)  # fmt: skip

# Words of columns that one language has.
_WORDS: dict[str, str] = {
    "DE": """vorname nachname familienname strasse straße ort stadt plz postleitzahl geburtsdatum geburtstag
        kunde kunden bestellung land anrede firma handy telefonnummer geschlecht beruf bundesland""",
    "FR": """prenom prénom nom ville rue adresse codepostal pays naissance datenaissance client commande
        civilite civilité courriel societe société sexe metier métier""",
    "ES": """nombre apellido apellidos ciudad calle direccion dirección codigopostal pais país cliente pedido
        fechanacimiento telefono teléfono correo empresa sexo provincia""",
    "IT": "nome cognome citta città indirizzo cap paese ordine datanascita cellulare azienda sesso provincia",
    "PT": "sobrenome apelido cidade rua endereco endereço cep telemovel encomenda pedido nascimento morada",
    "NL": "voornaam achternaam straat plaats geboortedatum klant bestelling bedrijf geslacht land",
    "PL": "imie imię nazwisko miasto ulica kodpocztowy kraj klient zamowienie zamówienie",
    "SE": "fornamn förnamn efternamn gatuadress postnummer ort kund",
    "DK": "fornavn efternavn adresse postnummer kunde",
}  # fmt: skip


@cache
def _names() -> dict[str, Land]:
    return {
        name.casefold(): land for land in LANDS for name in (*land.names, land.code, land.long, land.locale)
    }


def land_of(said: str) -> Land | None:
    """The country of a name, a code of two or three letters, or a language tag; None for others."""
    plain = said.strip().casefold().replace("_", "-")
    found = _names().get(plain)
    return found or _BY_CODE.get(plain.rpartition("-")[2].upper()) or _names().get(plain.partition("-")[0])


def land_by_code(code: str) -> Land:
    """The country of a code out of a sketch; home for one that is not known."""
    return _BY_CODE.get(code, HOME)


def land_by_dial(dial: str) -> Land | None:
    """The country behind the digits that follow a plus sign; the longest prefix wins."""
    fitting = [land for land in LANDS if dial.startswith(land.dial)]
    return max(fitting, key=lambda land: len(land.dial), default=None)


def land_of_columns(names: tuple[str, ...]) -> Land | None:
    """The country whose language the columns of a table are called in, if at least two of its words are."""
    called = {re.sub("[^a-zà-žß]", "", name.lower()) for name in names}
    fits = [(len(called & set(words.split())), code) for code, words in _WORDS.items()]
    most, code = max(fits)
    return _BY_CODE[code] if most >= 2 else None
