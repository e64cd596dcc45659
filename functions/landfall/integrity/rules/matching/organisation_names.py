"""Names of organisations: their legal forms, articles and abbreviations.

The list of legal forms was drawn up from the abbreviations of ISO 20275 (entity legal forms by
country) and those of the package cleanco. Neither can be used as it is: the one lists `A`,
`Trust` and `Canton`, the other lacks `Pvt.`, `gGmbH` and `株式会社`. A form is dropped by its place
and by how it is written, since many are words too: `Lotus Spa` and `Lotus S.p.A.`
"""

import re
from functools import cache

from landfall.integrity.rules.matching.plain_words import Words, in_order, plain, usual, word_map


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FORMS = _set(
    "inc incorporated corp corporation llc llp lllp pllc plc ltd limited ltda lda ltee limitee"
    " gmbh ggmbh mbh kgaa ohg gbr gesbr partg sarl sasu eurl sprl bvba cvba vzw asbl srl srls scarl"
    " sagl spzoo spk doo dooel jdoo eood ood ead kft zrt nyrt sro pvt pte pty sdn bhd aps amba asa"
    " oyj ehf uab sia ooo oao zao pao tov zat ojsc cjsc pjsc jsc saog saoc fzco wll"
    " gug gesmbh berhad eireli unipessoal fze dmcc ivs ulc"
)
"""Forms that are no word, wherever they stand but at the beginning."""

FORMS_AT_THE_END = _set(
    "co company cie cia ag kg og ug eg ek ev eu se sa sas sl slu sau bv nv vof ab hb kb oy ky as ks"
    " sc snc sca scs spa pc lp kk gk yk cv tbk dd ad kd jtd dno bt kkt vos hf ou ao pp sae"
    " sal ae ee oe epe ike sti haftungsbeschrankt haftungsbeschraenkt spj spk mbb publ cic clg dac"
    " teoranta cyf sci scop ans scoop na ca sp od zs ops ska psa il bsc qsc ksc"
)
"""Forms that may be a part of a name elsewhere."""

FORMS_AT_THE_BEGINNING = _set("pt ooo oao zao pao tov sarl eurl sasu")
FORMS_BEFORE_QUOTES = _set("ao ip ab mb uab sia sc too as sa oy srl")
"""Forms in front of a name in quotation marks: `UAB "Maxima"`, but `UAB Hospital`."""

WORDS_TOO = _set("ag as se sc eu ad")
"""Forms at the end that are a word where they are written as one: `Johnson Ag`."""

RATHER_WORDS = _set("spa vos sal ike sci scop dac ans scoop")
"""Those that are a form only where they are written as such: `Lotus SpA`."""

ONLY_WITH_DOTS = _set("na ca sp od zs ops ska psa il bsc qsc ksc")
"""Those that are a form only with dots: `Acme N.A.`"""

_WRITTEN_OUT = (
    "Sp. z o.o.", "spol. s r.o.", "S.A. de C.V.", "S.A.B. de C.V.", "S.A.P.I. de C.V.",
    "S. de R.L.", "S. de R.L. de C.V.", "S. en C.", "S.C. de R.L.", "S.à r.l.",
    "Aktiengesellschaft", "Gesellschaft mit beschränkter Haftung", "Kommanditgesellschaft",
    "eingetragener Verein", "eingetragene Genossenschaft", "Société anonyme",
    "Société à responsabilité limitée", "Société par actions simplifiée", "Sociedad anónima",
    "Sociedad limitada", "Sociedad de responsabilidad limitada", "Sociedade anônima",
    "Sociedade limitada", "Società per azioni", "Società a responsabilità limitata",
    "Naamloze vennootschap", "Besloten vennootschap", "Aktiebolag", "Aktieselskab",
    "Anpartsselskab", "Aksjeselskap", "Osakeyhtiö", "Spółka z ograniczoną odpowiedzialnością",
    "Spółka z o.o.", "Spółka akcyjna", "Společnost s ručením omezeným", "Akciová společnost",
    "Korlátolt felelősségű társaság", "Общество с ограниченной ответственностью",  # noqa: RUF001
    "Публичное акционерное общество", "Акционерное общество", "Anonim Şirketi",
    "Limited Şirketi", "Limited Liability Company", "Limited Liability Partnership",
    "Limited Partnership", "Private Limited", "Proprietary Limited", "Public Limited Company",
    "Community Interest Company", "Professional Corporation", "Joint Stock Company",
    "Kabushiki Kaisha", "San. ve Tic.", "Sanayi ve Ticaret", "Ges.m.b.H.", "OPC Pvt",
    "Ltda ME", "FZ LLC", "Sp. k.", "Sp. j.", "Soc. Coop.", "S. Coop.", "in liquidation", "i. Gr.",
)  # fmt: skip
"""Forms of several words, or that are no abbreviation."""

_IN_OTHER_SCRIPTS = re.compile(
    r"(?:株式|有限|合同|合資|合名|相互)会社|\((?:株|有|合|資|名|주|유)\)|股份有限公司"
    r"|有限(?:责任|責任)?公司|(?:주식|유한)회사|(?<!\w)[شذ]\s?\.\s?م\s?\.\s?[ملع](?!\w)\.?"
    r"|^\s*(?:شركة|(?:ООО|ОАО|ЗАО|ПАО|НАО|АО|ИП|ТОО|ТОВ|ПрАТ|ПАТ|АТ|ФОП))\s(?=.*\w)"  # noqa: RUF001
    r"|בע[\"\u05f4'\u05f3]{0,2}מ(?!\w)|^\s*บริษัท|จ(?:ำ|ํา)กัด(?:\s*\(มหาชน\))?\s*$"
    r"|^\s*Công ty (?:TNHH|Cổ phần|CP)(?: MTV| Một thành viên)?\s(?=.*\w)",
    re.IGNORECASE,
)

STOP_WORDS = _set(
    "the and of for at in a an und fur der die das et le la les de del du des y el los"
)
GENERIC = _set(
    "clinic hospital practice health healthcare care medical dental center school academy college"
    " university institute kindergarten group holding services service solutions systems partners"
    " associates association foundation international global national consulting studio shop store"
    " office department agency team"
)
"""Words that many organisations have, which hardly distinguish them."""

_ABBREVIATIONS = word_map(
    "centre=center ctr=center cntr=center centrum=center zentrum=center centro=center"
    " klinik=clinic klinikum=clinic clinica=clinic clinique=clinic klinika=clinic"
    " krankenhaus=hospital hosp=hospital praxis=practice schule=school escuela=school ecole=school"
    " academie=academy akademie=academy academia=academy acad=academy univ=university"
    " universitat=university universidad=university universite=university institut=institute"
    " instituto=institute inst=institute intl=international natl=national assoc=association"
    " assn=association fdn=foundation stiftung=foundation svc=services svcs=services"
    " service=services med=medical dept=department saints=saint sankt=saint gruppe=group"
    " grp=group mt=mount ft=fort"
)
_TRADES = _set(
    "bakery bar books bank cafe coffee deli diner garage gallery hotel inn market motors pharmacy"
    " pizza pub restaurant salon theatre theater capital journal"
)
"""Words behind `St` that say that it was a street: `Main St Bakery`."""

_DOTTED = re.compile(r"\b(?:(?:[^\W\d_]\.)+[^\W\d_]\b(?!\.)|(?:[^\W\d_]\.\s?){2,})")
"""Letters with dots: `S.p.A.`, `d. o. o.`, and `S.p.A` without the last one."""

_PAIRED = re.compile(r"(?<!\w)(\w{1,2})\s?(?:[&+]|and)\s?(\w)(?!\w)")
"""Letters that are a name together: `C&A`, which is neither `C` nor `C&C`."""

_DOTS = re.compile(r"[.\s]")
_QUOTED = re.compile(r"\s*(\w{2,3})\s*[\"\u201c-\u201f\u00ab\u00bb]")
_MARK = "~"
_MAX_WORDS = 8
"""Words of the longest form of several: `S. de R. L. de C. V.`, if the dots were left out."""


def organisation(cell: str) -> Words | None:
    """Return the words of a name, without legal form and articles; abbreviations are expanded."""
    text = cell if cell.isascii() else _IN_OTHER_SCRIPTS.sub(" ", usual(cell))
    text = _PAIRED.sub(r"\1and\2", text)
    quoted = _QUOTED.match(text)
    if quoted and "".join(plain(quoted[1])) in FORMS_BEFORE_QUOTES:
        text = text[quoted.end() :]
    words = _without_forms(_marked(text))
    while len(words) > 1 and words[-1] in FORMS_AT_THE_END:
        del words[-1]
    words = [_ABBREVIATIONS.get(word, word) for word in (it.rstrip(_MARK) for it in words)]
    words = [word for word in _with_saints(words) if word not in STOP_WORDS]
    return in_order(words or plain(text))


def _marked(text: str) -> list[str]:
    """Return the words, marked where a legal form is written as a word."""
    dotted = "." in text
    tokens = _DOTTED.sub(lambda it: f"{_DOTS.sub('', it[0])}. ", text) if dotted else text
    words: list[str] = []
    for token in tokens.split():
        pieces = plain(token)
        if len(pieces) == 1 and _written_as_a_word(pieces[0], token, text):
            pieces[0] += _MARK
        words += pieces
    return words


def _written_as_a_word(word: str, token: str, text: str) -> bool:
    if token.endswith("."):
        return False
    if word in RATHER_WORDS:
        return token.istitle() or token.islower() or text.isupper()
    in_german = word in ("ev", "eu") and token.startswith("E")
    return in_german or word in ONLY_WITH_DOTS or (word in WORDS_TOO and token.istitle())


def _without_forms(words: list[str]) -> list[str]:
    """Return the words without the forms that are no words, and without those of several words."""
    kept: list[str] = []
    place = 0
    while place < len(words):
        # a form of several words begins with a letter, or is one of those that are written out
        several = len(words[place]) == 1 or words[place] in _beginnings()
        most = min(_MAX_WORDS, len(words) - place) if several else 1
        for number in range(most, 0, -1):
            if number < len(words) and _is_form(words, place, number):
                place += number
                break
        else:
            kept.append(words[place])
            place += 1
    return kept


def _is_form(words: list[str], place: int, number: int) -> bool:
    joined = "".join(words[place : place + number])
    if joined in _compact():
        return True
    if place == 0:
        return number == 1 and joined in FORMS_AT_THE_BEGINNING
    if number == 1:
        return joined in FORMS
    letters = len(joined) == number
    at_the_end = place + number == len(words)
    return letters and (joined in FORMS or (at_the_end and joined in FORMS_AT_THE_END))


def _with_saints(words: list[str]) -> list[str]:
    """Return the words with `saint` or `street` for `st`.

    It is a street at the end, and between a name and a trade or kind of organisation.
    """
    for place, word in enumerate(words):
        if word == "st":
            before, behind = words[max(0, place - 1) : place], words[place + 1 : place + 2]
            named = bool(before) and not _KINDS.issuperset(before)
            street = named and (not behind or _KINDS.issuperset(behind))
            words[place] = "street" if street else "saint"
    return words


_KINDS = GENERIC | STOP_WORDS | _TRADES | {"mount", "fort"}


@cache
def _compact() -> frozenset[str]:
    """Return the forms without blanks; when needed, since it loads the tables of all scripts."""
    return frozenset("".join(plain(form)) for form in _WRITTEN_OUT)


@cache
def _beginnings() -> frozenset[str]:
    return frozenset(form[:length] for form in _compact() for length in range(1, len(form) + 1))
