"""The encoding of a page, as browsers find it."""

import codecs
import time

import pytest

from landfall.site.charset import PRESCAN_BYTES, charset_of
from landfall.site.html import MAX_HTML_BYTES, read_markup

READ = "caf\u00e9 \u2013 na\u00efve"
SAID = f"<p>{READ}"


def text_of(body, charset=None):
    return read_markup(body, charset).text


def declaring(element, encoding, said=SAID):
    return (element + said).encode(encoding)


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;Charset = "ISO-8859-1" ; x=y', "ISO-8859-1"),
        ("text/html; CHARSET='koi8-r'", "koi8-r"),
        ("text/html; boundary=charset; charset=big5", "big5"),
        ("text/html; xcharset=big5", None),
        ("text/html", None),
        ("text/html; charset=utf-8\ntext/html; charset=latin1", "latin1"),
        ("text/html; charset=big5\ntext/html", "big5"),
        ("text/html; charset=big5, text/html", "big5"),
        ("text/plain; charset=big5, text/html", None),
        ("", None),
    ],
)
def test_the_charset_of_a_header(header, charset):
    """In any case, quoted or not; the last header counts."""
    assert charset_of({"content-type": header}) == charset


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("UTF8", "utf-8"), ("unicode-1-1-utf-8", "utf-8"), (" Utf-8 ", "utf-8"),
        ("iso-8859-1", "cp1252"), ("latin1", "cp1252"), ("us-ascii", "cp1252"),
        ("l1", "cp1252"), ("ISO_8859-1:1987", "cp1252"), ("x-cp1252", "cp1252"),
        ("utf-16", "utf-16-le"), ("unicode", "utf-16-le"), ("utf-16be", "utf-16-be"),
    ],
)  # fmt: skip
def test_a_label_of_the_header(label, encoding):
    """Every label that browsers know, with its encoding there: iso-8859-1 is windows-1252."""
    assert text_of(SAID.encode(encoding), label) == READ


@pytest.mark.parametrize(
    ("label", "encoding", "said"),
    [
        ("windows-1251", "cp1251", "\u0437\u0443\u0431\u044b"),
        ("cp1251", "cp1251", "\u0437\u0443\u0431\u044b"),
        ("koi8-r", "koi8-r", "\u0437\u0443\u0431\u044b"),
        ("koi8-u", "koi8-u", "\u0457\u0436\u0430"),
        ("ibm866", "cp866", "\u0437\u0443\u0431\u044b"),
        ("x-mac-cyrillic", "mac-cyrillic", "\u0437\u0443\u0431\u044b"),
        ("sjis", "cp932", "\u6b6f\u79d1\u2460\u9ad9"),
        ("windows-31j", "cp932", "\u6b6f\u79d1\u2460"),
        ("x-sjis", "cp932", "\u6b6f"),
        ("euc-jp", "euc_jp", "\u6b6f\u79d1"),
        ("iso-2022-jp", "iso2022_jp", "\u6b6f\u79d1"),
        ("euc-kr", "cp949", "\uce58\uacfc\ub618"),
        ("ks_c_5601-1987", "cp949", "\uce58\uacfc"),
        ("gb2312", "gb18030", "\u7259\u79d1\u20ac\u3400"),
        ("gbk", "gb18030", "\u7259\u79d1\u3400"),
        ("gb18030", "gb18030", "\u7259\u79d1"),
        ("big5", "big5hkscs", "\u7259\u79d1"),
        ("big5-hkscs", "big5hkscs", "\u7259\u79d1"),
        ("iso-8859-2", "iso8859-2", "z\u0105b"),
        ("latin2", "iso8859-2", "z\u0105b"),
        ("iso-8859-15", "iso8859-15", "\u20ac 5"),
        ("latin5", "cp1254", "di\u015f"),
        ("iso-8859-9", "cp1254", "di\u015f"),
        ("windows-1253", "cp1253", "\u03b4\u03cc\u03bd\u03c4\u03b9"),
        ("windows-1255", "cp1255", "\u05e9\u05df"),
        ("iso-8859-8-i", "iso8859-8", "\u05e9\u05df"),
        ("windows-1256", "cp1256", "\u0633\u0646"),
        ("tis-620", "cp874", "\u0e1f\u0e31\u0e19"),
        ("windows-1257", "cp1257", "\u017e\u0101"),
        ("windows-1258", "cp1258", "\u0111\u01a1"),
        ("macintosh", "mac-roman", "caf\u00e9"),
    ],
)
@pytest.mark.parametrize("where", ["header", "meta"])
def test_encodings_of_the_web(label, encoding, said, where):
    """Of every script, declared in the header or in the page."""
    if where == "header":
        assert text_of(f"<p>{said}".encode(encoding), label.upper()) == said
    else:
        element = f"<META CharSet='{label}'>"
        assert text_of(declaring(element, encoding, f"<p>{said}")) == said


@pytest.mark.parametrize(
    "label", ["", "no-such", "utf-7", "zlib_codec", "unicode_escape", "rot13", "idna", "cp037"]
)
def test_a_label_that_browsers_do_not_know_is_none(label):
    """Python knows some of them; the page's own declaration counts, then."""
    assert text_of(declaring("<meta charset=utf-8>", "utf-8"), label) == READ
    assert text_of(SAID.encode(), label) == READ


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + declaring("<meta charset=windows-1252>", "utf-8"),
        codecs.BOM_UTF16_LE + declaring("<meta charset=windows-1252>", "utf-16-le"),
        codecs.BOM_UTF16_BE + declaring("<meta charset=utf-8>", "utf-16-be"),
    ],
)
def test_a_mark_decides(body):
    """Whatever header and page say."""
    assert text_of(body, "koi8-r") == READ


def test_the_header_goes_before_the_page():
    """A server that encodes anew does not look into the page."""
    body = declaring("<meta charset=koi8-r>", "windows-1252")
    assert text_of(body, "latin1") == READ


DECLARATIONS = [
    "<meta charset=windows-1252>",
    "<!doctype html><html><head><META CHARSET = 'Latin1' />",
    '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">',
    "<meta content='text/html;charset = \"l1\"' http-equiv=content-type>",
    "<meta name=x content='charset=koi8-r'><meta charset=latin1>",
    "<meta charset=no-such><meta charset=latin1>",
    "<!-- <meta charset=koi8-r> --><meta charset=latin1>",
    "<p title='<meta charset=koi8-r>'><meta charset=latin1>",
    "<!-- > <meta charset=koi8-r> --><meta charset=latin1>",
    "<meta data-charset=koi8-r charset=latin1>",
    "<meta charset=latin1 charset=koi8-r>",
    "</meta charset=koi8-r><meta charset=latin1>",
    "<meta charset=x-user-defined>",
    "<?xml version='1.0' encoding='iso-8859-1'?><html>",
]


@pytest.mark.parametrize("element", DECLARATIONS)
@pytest.mark.parametrize("late", [False, True])
def test_the_declaration_of_a_page(element, late):
    """In the first bytes, or further down: browsers then begin anew."""
    if late and element.startswith("<?xml"):
        return
    before = f"<!-- {'x' * PRESCAN_BYTES} -->" if late else ""
    body = declaring(before + element, "windows-1252")
    assert text_of(body) == READ


@pytest.mark.parametrize("label", ["utf-16", "UTF-16LE", "utf-16be", "ucs-2"])
def test_utf_16_in_a_page_means_utf_8(label):
    """It could not be read otherwise."""
    assert text_of(declaring(f"<meta charset={label}>", "utf-8")) == READ


def test_without_a_declaration():
    """UTF-8 if all of it can be, also where it is cut; else what most of the old pages are in."""
    assert text_of(SAID.encode()) == READ
    assert text_of(SAID.encode("windows-1252")) == READ
    cut = b"<p>x" + b"<!--" + b"\xc3\xa9" * MAX_HTML_BYTES
    assert text_of(cut) == "x"
    assert text_of(b"<p>a\0b<p>c") == "ab c"


def test_bytes_that_are_no_characters():
    """The rest of the page stays."""
    assert text_of(b"<meta charset=utf-8><p>a\xffb<p>c") == "a\ufffdb c"
    assert set(text_of(b"<p>a", "iso-2022-kr")) == {"\ufffd"}, "browsers do not read it either"


@pytest.mark.parametrize("piece", [b"<!--", b"<meta ", b'<a "', b"charset=", b"<", b"\xff\xfe"])
def test_a_beginning_that_is_made_to_hurt(piece):
    """It is searched in no time."""
    began = time.process_time()
    text_of(piece * (PRESCAN_BYTES // len(piece)))
    assert time.process_time() - began < 0.5
