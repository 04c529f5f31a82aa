"""What a personal column means, in the words contracts use and columns are called, and who invents it.

A semantic type may name the place its values come from: `person_name@de`, `address@pt-BR`.
"""

from __future__ import annotations

import re
import unicodedata

# Words of contracts and of column names in several languages, folded to letters only, by maker.
_SAID: dict[str, str] = {
    "full_name": """personname fullname name contactname customername employeename patientname clientname
        passengername membername username_full holdername ansprechpartner nomcomplet nombrecompleto
        nomecompleto nomecognome naam volledigenaam imienazwisko""",
    "first_name": """firstname givenname forename fname vorname prenom nombre nome primeironome voornaam imie
        fornavn fornamn etunimi""",
    "middle_name": "middlename mittelname deuxiemeprenom segundonombre",
    "last_name": """lastname familyname surname lname maidenname nachname familienname nomdefamille apellido
        apellidos cognome sobrenome apelido achternaam nazwisko etternavn efternavn efternamn sukunimi""",
    "title": "persontitle salutation titleofcourtesy anrede civilite tratamiento aanhef",
    "email": """email emailaddress mail emailadresse mailadresse courriel correo correoelectronico
        adresseemail epost""",
    "phone": """phone phonenumber telephone mobile mobilephone cell cellphone fax workphone homephone
        telefon telefonnummer handy handynummer tel numerotelephone portable telefono movil celular cellulare
        telefone telemovel telefoonnummer numertelefonu""",
    "street": """address street streetaddress postaladdress addressline addressline1 address1 addr strasse
        strase adresse anschrift rue voie direccion calle indirizzo endereco rua adres straat ulica
        streetname""",
    "city": """city town ort stadt wohnort ville commune ciudad municipio citta comune cidade stad plaats
        miasto""",
    "postal_code": """postalcode postcode zip zipcode plz postleitzahl codepostal codigopostal cap cep
        codicepostale codigopostalcep kodpocztowy postnummer""",
    "country": "country countryname countrycode land pays pais paese kraj nation nationality landcode",
    "state": "state region province county bundesland kanton departement provincia estado regione provincie",
    "company": """company companyname organisation organization employer firm firma firmenname unternehmen
        entreprise societe raisonsociale empresa azienda societa bedrijf""",
    "job": "job jobtitle occupation profession beruf metier professione profesion beroep zawod",
    "birth_date": """birthdate dateofbirth dob birthday birth geburtsdatum geburtstag datenaissance
        datedenaissance fechanacimiento fechadenacimiento datadinascita datanascita datanascimento
        geboortedatum dataurodzenia fodselsdato""",
    "username": """username login userid handle benutzername nutzername identifiant usuario utente
        gebruikersnaam""",
    "iban": "iban bankaccount bankkonto kontonummer accountnumber",
    "card": "card creditcard cardnumber creditcardnumber kreditkarte kartennummer cartebancaire tarjeta",
    "national_id": """ssn nationalid taxid socialsecuritynumber passport steuerid steuernummer
        sozialversicherungsnummer nir numerosecu dni nif nie pesel bsn cpf codicefiscale nino personnummer""",
    "ip": "ip ipaddress ipadresse clientip remoteip adresseip direccionip",
    "user_agent": "useragent browser httpuseragent",
    "url": "url website homepage photourl photo photopath avatar webseite siteweb sitioweb",
    "gender": "gender sex geschlecht sexe sexo genero sesso geslacht plec",
    "latitude": "latitude lat breitengrad",
    "longitude": "longitude lon lng laengengrad",
    "prose": "note notes freetext comment comments remark remarks bemerkung kommentar commentaire nota",
    "age": "age alter edad eta leeftijd wiek",
}  # fmt: skip
MEANINGS: dict[str, str] = {word: meaning for meaning, said in _SAID.items() for word in said.split()}

# What identifies a person whatever its classification: never modelled.
IDENTIFYING = frozenset(
    (
        *("full_name", "first_name", "middle_name", "last_name", "email", "phone", "birth_date", "username"),
        *("iban", "card", "national_id", "ip"),
    )
)
# What many share: said about a person, but no more than a category once what fewer than k have is gone.
SHARED = frozenset(("gender", "title", "country", "state", "city", "job", "age", "user_agent"))
_WHOSE = ("shipping", "shipto", "ship", "billing", "bill", "delivery", "home", "work", "office", "primary")
_PARTS = {
    "full_name": ("first_name", "middle_name", "last_name"),
    "street": ("city", "postal_code", "country", "state"),
}


def meaning_of(semantic: str | None, column: str = "") -> str | None:
    """The maker for a semantic type, or for a column's name when the contract names no type; None if unknown.

    The name is more exact where a type covers several things: a `person_name` called LastName.
    """
    told, called = MEANINGS.get(_folded((semantic or "").partition("@")[0])), _called(_folded(column))
    if told is None or called in _PARTS.get(told, ()):
        return called
    return told


def place_said(semantic: str | None) -> str | None:
    """The place that a contract names in a semantic type: `de` of `person_name@de`."""
    return (semantic or "").partition("@")[2].strip().lower() or None


def _called(name: str) -> str | None:
    """What a column's name says, also where it says whose: ShipCity, home_phone."""
    whose = next((word for word in _WHOSE if name.startswith(word) and name != word), "")
    return MEANINGS.get(name) or MEANINGS.get(name.removeprefix(whose))


def shared(semantic: str | None, column: str) -> bool:
    """Whether what a column says about people is a category that many share, such as a sex or a title."""
    return meaning_of(semantic, column) in SHARED


def identifies(semantic: str | None) -> bool:
    """Whether a column of this semantic type names or reaches a person."""
    return MEANINGS.get(_folded((semantic or "").partition("@")[0])) in IDENTIFYING


def _folded(word: str) -> str:
    """Letters only, without accents: `Straße` and "strasse" are one word."""
    plain = unicodedata.normalize("NFKD", word.replace("ß", "ss"))
    return re.sub("[^a-z]", "", plain.lower())
