"""The words Meridian's data is made of: places, names and products, odd ones included."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REGIONS = ("EMEA", "NA", "DACH", "APAC", "UKI", "NORDIC", "LATAM", "ANZ")
REGION_WEIGHTS = (22, 20, 16, 14, 10, 8, 6, 4)
REGION_CURRENCY = ("EUR", "USD", "EUR", "USD", "GBP", "EUR", "USD", "USD")
CURRENCIES = ("EUR", "USD", "GBP")

PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "EMEA": (
        ("FR", "Lyon"),
        ("ES", "Málaga"),
        ("IT", "Forlì"),
        ("PL", "Łódź"),
        ("AE", "Dubai"),
        ("CZ", "Plzeň"),
    ),
    "NA": (("US", "Boulder"), ("US", "Portland"), ("US", "St. Paul"), ("CA", "Montréal")),
    "DACH": (("DE", "Köln"), ("DE", "München"), ("AT", "Graz"), ("CH", "Zürich")),
    "APAC": (("JP", "札幌市"), ("SG", "Singapore"), ("KR", "서울"), ("IN", "Pune")),
    "UKI": (("GB", "Stoke-on-Trent"), ("GB", "Llanfairpwll"), ("IE", "Dún Laoghaire")),
    "NORDIC": (("SE", "Malmö"), ("NO", "Tromsø"), ("FI", "Jyväskylä"), ("DK", "Ærøskøbing")),
    "LATAM": (("BR", "São Paulo"), ("MX", "Querétaro"), ("CL", "Ñuñoa")),
    "ANZ": (("AU", "Hobart"), ("NZ", "Ōtautahi")),
}

FIRST_NAMES = _words(
    "Anna Ben Carla Dmitri Élodie Farid Grace Håkon Ines Jürgen Kenji Łucja María Nils Olga Priya "
    "Quentin Rosa Søren Tomás Uma Vera Wei Ximena Yusuf Zoë Aoife Björn Chloé Diego Emre Fiona Giulia "
    "Hana Ivan João Katarzyna Liam Mónica Noor Oskar Petra Rafał Siobhán Theo Ulrike Viktor Wanda Yara "
    "Zeynep 美咲 민준"
)
LAST_NAMES = _words(
    "Abbott Bianchi Çelik Dąbrowski Eriksson Fischer García Haddad Ivanova Jensen Kowalski López Müller "
    "Nowak O'Brien Petrov Quist Rossi Sørensen Tanaka Ueda Virtanen Weiß Xu Yılmaz Zhang Andersson "
    "Baker Costa Dubois Engel Ferrari Gupta Hansen Ito Janssen Kim Laurent Moreau Novák Okafor Park "
    "Řezáč Silva Thomas Urbán Vogel Walker Young Zimmermann"
)
# Names that break careless code; every one of them has been somebody's real name or a real typing mistake.
ODD_LAST_NAMES = (
    "Null",
    "None",
    "D'Arcy-O’Neill",
    " Smith ",
    "van der Berg, Jr.",
    "=SUM(A1:A9)",
    "Nguyễn",
    "True",
    "Wolfeschlegelsteinhausenbergerdorff",
    "李",
    'de la "Cruz"',
    "🏔️ Outdoors",
)
STREETS = (
    "Hauptstraße",
    "Rue de l’Église",
    "Main St",
    "Calle Mayor",
    "Via Roma",
    "Storgata",
    "Queen's Road",
    "ul. Długa",
)
COMPANIES = (
    "Nordlys Outfitters",
    "Berg & Tal GmbH",
    "Three Peaks Ltd",
    "Sentiero S.r.l.",
    "Ruta 40 S.A.",
    "Kamoshika K.K.",
)
SEGMENTS = ("consumer", "club", "retailer", "school")
SEGMENT_WEIGHTS = (70, 14, 12, 4)

PRODUCT_LINES = ("Tents", "Sleeping bags", "Backpacks", "Footwear", "Shells", "Cookware", "Climbing")
LINE_WEIGHTS = (15, 10, 18, 24, 17, 9, 7)
LINE_PRICE_CENTS = (32000, 21000, 14500, 13900, 18900, 4900, 9900)
PRODUCT_WORDS = _words(
    "Fjell Arête Col Talus Kestrel Bora Sirocco Lago Pico Granit Nunatak Zéphyr Tarn Cirrus"
)
PRODUCT_FORMS = ("Light", "Pro", '3" Trek', "50% Down", "Women's", "Kids’", "XL", "2-Person")

DEPARTMENTS = ("Sales", "Operations", "Finance", "Design", "Warehouse", "IT", "People", "Legal")
DEPARTMENT_WEIGHTS = (22, 18, 8, 9, 28, 7, 5, 3)
JOB_TITLES = ("Associate", "Specialist", "Senior Specialist", "Team Lead", "Manager", "Director")
JOB_WEIGHTS = (34, 30, 18, 10, 6, 2)
JOB_SALARY = (31000, 42000, 54000, 63000, 81000, 124000)
VISIT_REASONS = ("check-up", "vaccination", "back pain", "eye test", "accident", "stress", "return to work")
DIAGNOSES = ("Z00.0", "Z23", "M54.5", "H52.1", "S61.0", "F43.0", "Z02.7")
