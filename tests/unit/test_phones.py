"""Phone numbers: the same number however it is written, and another in another city or country."""

from typing import Any

import pytest

from landfall.integrity.rules.matching import phones

SAME: list[tuple[str | None, str, str]] = [
    (None, "+1 212 555 0143", "+1 (212) 555-0143"),
    (None, "+1 212 555 0143", "(212) 555-0143"),
    (None, "+1 212 555 0143", "1-212-555-0143"),
    (None, "+49 30 1234567", "030/1234567"),
    (None, "+49 30 1234567", "+49 (0)30 1234567"),
    (None, "+49 30 1234567", "0049 30 1234567"),
    (None, "+49 30 1234567", "tel:+49301234567"),
    (None, "+49 30 1234567", "030 1234567 ext. 12"),
    (None, "49301234567", "030 1234567"),
    (None, "+7 495 123-45-67", "8 (495) 123-45-67"),
    (None, "+36 1 234 5678", "06 1 234 5678"),
    (None, "+39 06 6982 1234", "06 6982 1234"),
    (None, "(00327) 54811", "00327.54811"),
    ("AR", "+54 9 11 2345 6789", "011 15 2345-6789"),
    ("MX", "+52 55 1234 5678", "55 1234 5678"),
    ("DE", "030 1234567", "+49 30 1234567"),
    ("US", "1-800-FLOWERS", "1-800-356-9377"),
    ("US", "212.555.0143 x12", "+12125550143"),
    ("US", "(212) 555-0143 (home)", "+12125550143"),
    ("US", "212-555-0143 Mobile", "+12125550143"),
    ("US", "212-555-0143 or 212-555-0199", "+12125550143"),
    ("US", "1-888-555-HELP", "1-888-555-4357"),
    ("US", "0049 30 1234567", "+49 30 1234567"),
    ("JP", "0120-444-444", "+81 120 444 444"),
    (None, "+49 30 1234567 Durchwahl 12", "030 1234567"),
    (None, "+33 1 23 45 67 89 poste 12", "+33 1 23 45 67 89"),
    ("BR", "(11) 2345-6789 ramal 12", "+55 11 2345-6789"),
    (None, "212-555-0143 / 312-555-0143", "212-555-0143"),
    (None, "+1 212 555 0143, +1 312 555 0143", "+1 212 555 0143"),
    (None, "030/1234567\n0171/7654321", "030 1234567"),
    (None, "\u0660\u0663\u0660 \u0661\u0662\u0663\u0664\u0665\u0666\u0667", "030 1234567"),
]
DIFFERENT: list[tuple[str | None, str, str]] = [
    (None, "+1 212 555 0143", "+1 312 555 0143"),
    (None, "(212) 555-0143", "(312) 555-0143"),
    ("US", "(212) 555-0143", "(312) 555-0143"),
    (None, "+44 20 7946 0123", "+1 207 946 0123"),
    (None, "+49 30 1234567", "+43 30 1234567"),
    (None, "+49 89 1234567", "030 1234567"),
    ("DE", "030 1234567", "+43 30 1234567"),
    (None, "+86 10 8123 4567", "+86 21 8123 4567"),
    (None, "030 1234567", "040 1234567"),
]


def keys(region: str | None, *cells: str) -> list[Any]:
    return phones.keys([phones.reading(region)(cell) for cell in cells])


@pytest.mark.parametrize(("region", "one", "other"), SAME)
def test_the_same(region, one, other):
    """National and international forms, trunk prefixes and extensions do not count."""
    first, second = keys(region, one, other)
    assert first == second is not None


@pytest.mark.parametrize(("region", "one", "other"), DIFFERENT)
def test_different(region, one, other):
    """Every digit counts, and so does the country."""
    first, second = keys(region, one, other)
    assert None not in (first, second)
    assert first != second


def test_a_number_that_may_be_of_two_countries_is_of_neither():
    """Without a region, nothing says which of the two it is."""
    german, austrian, either = keys(None, "+49 30 1234567", "+43 30 1234567", "030 1234567")
    assert len({german, austrian, either}) == 3
    assert keys("AT", "030 1234567") == [austrian]


@pytest.mark.parametrize(
    "cell", ["", "n/a", "123456", "000 000 0000", "1111111", "-", "x" * 10_000]
)
def test_no_number(cell):
    """Text with few digits, or with one digit only, is no number."""
    assert keys(None, cell) == keys("US", cell) == [None]


@pytest.mark.parametrize("region", [None, "DE", "US", "IT", "MX"])
def test_signs_between_digits_mean_nothing_to_libphonenumber(region):
    """A number is read by its digits alone, as it would be with the signs between them."""
    for number in ("+442079460958", "+4402079460958", "+390669821234", "03012345678", "2125550143"):
        for signs in (" ", "-", ".", ")", ") (", " - "):
            text = f"{number[:5]}{signs}{number[5:8]}{signs}{number[8:]}"
            if region or text[0] == "+":
                whole = phones._of_libphonenumber.__wrapped__(text, region, False)
                assert whole
                assert phones._parsed(text, region) == whole
