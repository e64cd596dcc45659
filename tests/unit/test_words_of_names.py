# ruff: noqa: RUF001  names in Cyrillic
"""Words of names and addresses: what belongs to a name, by its place and by how it is written."""

import subprocess
import sys
import time
from typing import Any

import pytest

from landfall.integrity.rules.matching.addresses import address
from landfall.integrity.rules.matching.normalisation import email
from landfall.integrity.rules.matching.organisation_names import organisation
from landfall.integrity.rules.matching.person_names import name
from landfall.integrity.rules.matching.similarity import NameSimilarity

PEOPLE = [
    ("Dr. Anna Müller", "anna muller"),
    ("Prof.Dr.Müller", "muller"),
    ("Dipl.-Ing. Hans Meier", "hans meier"),
    ("Smith, Dr. John", "john smith"),
    ("Miller, Ann Dr.", "ann miller"),
    ("Sr. Juan Lopez", "juan lopez"),
    ("Dr.", "dr"),
    ("Mr. T", "t"),
    ("Peter Mba", "mba peter"),
    ("PETER MBA", "mba peter"),
    ("Ann Lee MBA", "ann lee"),
    ("Ann Lee, Mba", "ann lee"),
    ("Ann Lee M.B.A.", "ann lee"),
    ("Ann Lee, Ph.D., M.D.", "ann lee"),
    ("Md Rahman", "md rahman"),
    ("Jack Ma", "jack ma"),
    ("Judi Dame", "dame judi"),
    ("Ing, Peter", "ing peter"),
    ("Lord, Jack", "jack lord"),
    ("John Smith Jr.", "john jr smith"),
    ("Smith Jnr, John", "john jr smith"),
    ("John Smith Senior", "john smith sr"),
    ("John Smith III", "3rd john smith"),
    ("JOHN SMITH 3RD", "3rd john smith"),
    ("Naosuke Ii", "ii naosuke"),
    ("Junior Smith", "junior smith"),
    ("J.R. Smith", "j r smith"),
    ("John Smith Iii", "3rd john smith"),
    ("john smith ii", "2nd john smith"),
    ("Henry VIII", "8th henry"),
    ("Hans Meier sen.", "hans meier sr"),
    ("Amartya Sen", "amartya sen"),
    ("Kim Jun", "jun kim"),
    ("Ann Lee, M.A.", "ann lee"),
    ("Ann Lee, B.A., CPA", "ann lee"),
    ("Ann Lee, RN, BSN", "ann lee"),
    ("Lee, M.A.", "a lee m"),
    ("Yo-Yo Ma", "ma yo"),
    ("Dr. med. Ann Lee", "ann lee"),
    ("Dr. Dr. h.c. Ann Lee", "ann lee"),
    ("Univ.-Prof. Dr.-Ing. Ann Lee", "ann lee"),
    ("Mag. Ann Lee", "ann lee"),
    ("Mag Lee", "lee mag"),
    ("MUDr. Jan Novák", "jan novak"),
    ("Dott.ssa Anna Rossi", "anna rossi"),
    ("Sig.ra Anna Rossi", "anna rossi"),
    ("Dra. Ana Ruiz", "ana ruiz"),
    ("Don Draper", "don draper"),
    ("H.C. Andersen", "andersen c h"),
    ("Dr. Phil. Lee", "lee"),
    ("Phil Lee", "lee phil"),
    ("Ann Lee (she/her)", "ann lee"),
    ("Ann Lee geb. Müller", "ann lee muller"),
    ("Ann Lee (née Müller)", "ann lee muller"),
    ("г-н Иванов Иван", "ivan ivanov"),
    ("山田太郎様", "山田太郎"),
    ("Med Ali", "ali med"),
    ("Юлия Щукина", "shchukina yuliya"),
    ("山田 太郎", "山田太郎"),
    ("ﾔﾏﾀﾞ ﾀﾛｳ", "yamadatarou"),
    ("ヤマダ　タロウ", "yamadatarou"),
    ("Ann Lee \N{GRINNING FACE}", "ann lee"),
]


@pytest.mark.parametrize(("cell", "words"), PEOPLE)
def test_people(cell, words):
    """A title, a degree and a generation are so by their place; a name is never dropped."""
    assert name(cell) == tuple(words.split())


DIFFERENT_PEOPLE = [
    ("John Smith Jr.", "John Smith Sr."),
    ("John Smith Jr.", "John Smith III"),
    ("John Smith II", "John Smith III"),
    ("李伟", "李薇"),
    ("张伟", "章伟"),
    ("伊藤 誠", "伊東 誠"),
    ("صالح", "سالح"),
    ("קרן לוי", "כרן לוי"),
]
ALIKE = [
    ("John Smith Jr.", "John Smith"),
    ("李伟", "Li Wei"),
    ("李伟", "Liwei"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT_PEOPLE)
def test_different_people(one, other):
    """Relatives of one name, and names of one sound, are neither the same nor similar."""
    words: Any = (name(one), name(other))
    assert words[0]
    assert words[1]
    assert NameSimilarity("name", words).score(*words) < 0.8


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_similar_people(one, other):
    """Who has no generation may be either; a sound in Latin letters may be any of its names."""
    words: Any = (name(one), name(other))
    similarity = NameSimilarity("name", words)
    assert 0.92 <= similarity.score(*words) < 1
    assert list(similarity.pairs(words, 0.92))


BARE = "Acme"
SAME_FIRM = [
    "Acme Inc.", "Acme, LLC", "Acme Pvt. Ltd.", "Acme gGmbH", "Acme G.m.b.H.", "Acme GmbH & Co. KG",
    "Acme UG (haftungsbeschränkt)", "Acme e.V.", "Acme eV", "ACME AG", "acme ag", "Acme S.p.A.",
    "Acme SpA", "Acme S.r.l.", "Acme S.à r.l.", "SARL Acme", "Acme SAS", "Acme S.A. de C.V.",
    "Acme SA de CV", "Acme, S. de R. L. de C. V.", "Acme Ltda.", "Acme Lda", "Acme S/A",
    "Acme Sp. z o.o.", "Acme sp.z o.o.", "Acme Sp. z o. o.", "Acme Spółka z o.o.", "Acme s.r.o.",
    "Acme, spol. s r.o.", "Acme a.s.", "Acme d.o.o.", "Acme d.d.", "Acme Kft.", "Acme Zrt.",
    "Acme EOOD", "ООО Acme", "ООО «Acme»", "ПАО Acme", "АО «Acme»", "Общество с ограниченной "
    "ответственностью «Acme»", "ТОВ Acme", 'UAB "Acme"', "Acme OÜ", "Acme Oy", "Acme Oyj",
    "Acme AB", "Acme A/S", "Acme ApS", "Acme AS", "Acme B.V.", "Acme N.V.", "Acme BVBA",
    "Acme A.Ş.", "Acme Ltd. Şti.", "Acme Pte Ltd", "Acme Sdn. Bhd.", "PT Acme Tbk", "Acme Pty Ltd",
    "株式会社Acme", "Acme株式会社", "(株)Acme", "㈱Acme", "Acme有限公司", "주식회사 Acme",
    "Acme K.K.", "Acme A.E.", "The Acme Company", "Acme ش.م.م", "Acme S.p.A", "Acme d.o.o",
    "Acme S.r.l", "Acme Ges.m.b.H.", "Acme gUG", "Acme UG (haftungsbeschraenkt)", "Acme AB (publ)",
    "Acme Sp. z o.o. Sp. k.", "Acme PartG mbB", "Acme Berhad", "Acme EIRELI", "Acme LTDA - ME",
    "Acme, Unipessoal Lda", "Acme S. Coop.", "Acme SCI", "Acme N.A.", "Acme C.A.", "Acme IVS",
    "Acme San. ve Tic. A.Ş.", "Acme Joint Stock Company", "Acme FZ-LLC", "Acme DMCC", "Acme ULC",
    "АО Acme", "ИП Acme", "ПАТ Acme", "ФОП Acme", "Acme בע\"מ", "Acme בע״מ", "บริษัท Acme จำกัด",
    "บริษัท Acme จำกัด (มหาชน)", "Công ty TNHH Acme", "Công ty Cổ phần Acme", "شركة Acme",
    "Acme OPC Pvt Ltd", "Acme Kabushiki Kaisha", "Acme e.U.", "Acme GmbH i.L.",
    "Acme™", "Acme Inc.®", "Acme Ltd \N{GRINNING FACE}",
]  # fmt: skip


@pytest.mark.parametrize("cell", SAME_FIRM)
def test_legal_forms(cell):
    """Legal forms of many countries do not count."""
    assert organisation(cell) == organisation(BARE)


NOT_FORMS = [
    ("Leipzig Zoo", "leipzig zoo"),
    ("Lotus Spa", "lotus spa"),
    ("LOTUS SPA", "lotus spa"),
    ("lotus spa", "lotus spa"),
    ("Day Spa SpA", "day spa"),
    ("Johnson Ag", "ag johnson"),
    ("Tesla EV", "ev tesla"),
    ("Bakkerij Vos", "bakkerij vos"),
    ("Company of Wolves", "company wolves"),
    ("AS Roma", "as roma"),
    ("UAB Hospital", "hospital uab"),
    ("Inc Magazine", "inc magazine"),
    ("Acme EU", "acme eu"),
    ("Bio Sci", "bio sci"),
    ("Berhad Sp", "berhad sp"),
    ("Toulouse Na", "na toulouse"),
    ("C&A", "canda"),
    ("C & A Ltd.", "canda"),
    ("C&C", "candc"),
    ("AT&T", "atandt"),
    ("Limited", "limited"),
    ("The Limited", "limited the"),
    ("Co-op Bank", "bank co op"),
]


@pytest.mark.parametrize(("cell", "words"), NOT_FORMS)
def test_words_that_look_like_legal_forms(cell, words):
    """A word of a name is not dropped because some country has such a legal form."""
    assert organisation(cell) == tuple(words.split())


SAINTS_AND_STREETS = [
    (organisation, "St. Mary Hospital", "hospital mary saint"),
    (organisation, "Klinik St. Anna", "anna clinic saint"),
    (organisation, "University of St Andrews", "andrews saint university"),
    (organisation, "Main St Bakery", "bakery main street"),
    (organisation, "Wall St", "street wall"),
    (address, "12 St James St", "12 james saint street"),
    (address, "St. James Street 12", "12 james saint street"),
    (address, "12 Main St Springfield", "12 main springfield street"),
    (address, "12 Main St, St Louis", "12 louis main saint street"),
    (address, "12 Main St St Louis", "12 louis main saint street"),
    (address, "Upper St Martins Lane 4", "4 lane martins saint upper"),
    (address, "5 N St NW", "5 north northwest street"),
    (address, "100 Main St Ste 200", "100 200 main street suite"),
    (address, "12 Ste Catherine St", "12 catherine saint street"),
    (address, "5 Palm Dr", "5 drive palm"),
    (address, "Dr Martin Luther King Blvd", "boulevard doctor king luther martin"),
]


@pytest.mark.parametrize(("words_of", "cell", "words"), SAINTS_AND_STREETS)
def test_saints_and_streets(words_of, cell, words):
    """`St` is a saint in front of a name, and a street behind one."""
    assert words_of(cell) == tuple(words.split())


def test_an_address_takes_time_by_its_length():
    """An address of 100,000 characters, all abbreviations, is read at once."""
    started = time.process_time()
    assert address("dr. " * 25_000 + "king") == ("doctor", "king")
    assert time.process_time() - started < 2


def test_the_tables_of_all_scripts_are_loaded_when_needed():
    """A cold start does not pay for them, nor for the countries of phone numbers."""
    program = (
        "import sys, landfall.integrity.rules.duplicate\n"
        "sys.exit(not {'anyascii', 'phonenumbers', 'nicknames', 'rapidfuzz'}"
        ".isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_gmail():
    """A Gmail address has no dots, no tag, and two domains. Elsewhere dots count."""
    assert email(" MailTo:A.B+tag@GoogleMail.com ") == email("ab@gmail.com") == "ab@gmail.com"
    assert email("a.b@x.org") != email("ab@x.org")
