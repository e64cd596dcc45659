"""Answers in place of a page: what a person with a browser would see was not observed.

    challenged   a service asks for proof of a human, or refuses machines, with whatever status
    walled       consent, an age, or a log-in comes before the page
    placeholder  a parked domain, a server's default page, a page that says "coming soon"
    no content   a script or a frame makes the page or shows it, and we run none

Each has words or marks of its kind, and next to nothing to read that is about anything else. A page
with a few sentences of its own, or with a menu, is a page, whatever else is on it.
"""

import re
from urllib.parse import urlsplit

from landfall.reasons import Reason, StepError
from landfall.site.challenges import (
    MAX_LINKS,
    MAX_SEARCHED,
    MAX_WORDS,
    OWN_WORDS,
    challenge_in,
    mark,
)
from landfall.site.evidence import Evidence
from landfall.site.page import Page, status_error
from landfall.site.urls import page_key

FEW_WORDS = 120
"""Words of a page that is nothing but a wall or a placeholder."""

HARDLY_ANY_WORDS = 25
"""Words of a page that a script fills, such as "Loading" and a hint to switch scripts on."""

MIN_TRANSPARENT = 200
"""Characters of transparent text that are a part of the page, and not a detail of it."""


def failure_of(page: Page, evidence: Evidence, *, is_home: bool) -> StepError | None:
    """Return why an answer is not the page, by its status and by what it shows.

    A page that asks for consent or a log-in, or says that it does not exist yet, is in place of a
    site only as its home page; elsewhere it is a policy, or the members' entrance.
    """
    challenge = challenge_in(page, evidence)
    if challenge or not page.is_success:
        return challenge or status_error(page)
    walled = _wall(page, evidence, is_home=is_home)
    if walled:
        return _error(Reason.SITE_WALLED, page, f"shows {walled} in place of the page")
    if is_home and (placeholder := _placeholder(page, evidence)):
        return _error(Reason.SITE_PLACEHOLDER, page, f"is {placeholder}")
    if lacking := _lacking(evidence):
        return _error(Reason.SITE_NO_CONTENT, page, lacking)
    if says_not_found(evidence):
        return _error(Reason.SITE_REJECTED, page, "answered 200, and says that it does not exist")
    return None


def says_not_found(evidence: Evidence) -> bool:
    """Return whether a page is the site's page for what does not exist, sent with 200."""
    return evidence.words <= MAX_WORDS and any(
        _NOT_FOUND.match(text) for text in (evidence.title, _heading(evidence))
    )


def _heading(evidence: Evidence) -> str:
    return next((one.text for one in evidence.headings), "")


def _error(reason: Reason, page: Page, what: str) -> StepError:
    return StepError(reason, f"{page.url[:200]!r} {what}")


_NOT_FOUND = re.compile(
    r"\W*(error\W*)?404\W*($|error|page|not found|[-|:\u2013\u2022])|"
    r"(\w+ ){0,3}(page|site|seite|inhalt|página|pagina|contenuto) "
    r"(was |could not be |cannot be |wurde |n'est |est |no |non |niet )?"
    r"(not found|nicht gefunden|introuvable|encontrada|trovata|gevonden)|"
    r"not found$|nicht gefunden$",
    re.IGNORECASE,
)
"""Titles and headings of pages for what does not exist."""


def _wall(page: Page, evidence: Evidence, *, is_home: bool) -> str | None:
    """Return the wall that a page is, if it is nothing else."""
    words, shown = evidence.words, evidence.reading
    host = urlsplit(page.url).hostname or ""
    if page.redirects and _GATES.match(host) and words <= MAX_WORDS:
        return f"a gate at {host}"
    if words > MAX_WORDS or len(evidence.links) > MAX_LINKS:
        return None
    terms = {term.lower() for term in _CONSENT.findall(shown)}
    asks = is_home and len(terms) > 1 and any(_ACCEPTS.search(call) for call in evidence.calls)
    if asks and evidence.words_beside(_ABOUT_CONSENT) < OWN_WORDS:
        return "a request for consent"
    if words > FEW_WORDS:
        return None
    if _AGE.search(shown) and any(_ANSWERS.match(call) for call in evidence.calls):
        what, subject = "a question for the visitor's age", _ABOUT_AGE
    elif _ELSEWHERE.search(shown):
        what, subject = "a refusal of visitors from elsewhere", _ABOUT_ELSEWHERE
    elif is_home and any("password" in form.kinds for form in evidence.forms):
        what, subject = "a form to log in", _ABOUT_LOG_IN
    else:
        return None
    return what if evidence.words_beside(subject) < OWN_WORDS else None


_GATES = re.compile(
    r"(consent|myprivacy|cookiewall|privacygate|privacy-gate|queue|waitingroom|log-?in|signin|accounts?|auth|sso|idp)"
    r"[.-]|.*\.queue-it\.net$",
    re.IGNORECASE,
)
"""Hosts to which a site leads visitors before they may see it."""

_ACCEPTS = re.compile(
    r"accept|agree|allow|consent|continue|got it|akzeptier|zustimm|einverstanden|annehmen|erlaub|"
    r"accepte|j'accepte|autoriser|acepta|accetta|accetto|aceita|akkoord|accepteer|godkänn|zgadzam|"
    r"принять|同意",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"cookies?|consent|privacy|tracking|personali[sz]ed|einwilligung|datenschutz|zustimm\w*|"
    r"partners?|partnern?|confidentialité|consentement|privacidad|consentimiento|consenso|toestemming",
    re.IGNORECASE,
)
_ABOUT_CONSENT = re.compile(
    r"cookie|consent|privacy|track|personal|partner|technolog|advert|\bads?\b|\bdata\b|\bdaten|"
    r"accept|reject|prefer|settings|necessary|analy|marketing|third|legitimate|agree|audience|"
    r"measur|device|before you continue|einwillig|datenschutz|zustimm|essen[tz]iell|werbung|"
    r"einstellung|akzept|ablehn|verarbeit|confidentialité|consent|données|acept|datos|accett|"
    r"toestemming|privacid|gegevens|同意|隐私|プライバシー",
    re.IGNORECASE,
)
"""Words of the sentences of a request for consent."""

_AGE = re.compile(
    r"(are you|you (must|have to) be|i am|i'm) (at least |over |of legal |older than )?"
    r"(18|19|20|21|(drinking )?age)\b|verify your age|age verification|"
    r"(sind sie|bist du|ich bin) (schon |mindestens |über )?(16|18)|altersprüfung|"
    r"(avez-vous|j'ai) (plus de )?18 ans|(eres|soy) mayor de (edad|18)|(hai|ho) (più di )?18 anni",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    r"yes|no\b|enter|exit|confirm|(i'm|i am) |over|under|ja|nein|eintreten|oui|entrer|s[iíì]\b|"
    r"entrar",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"not (currently )?available (in|from|to visitors from) (your|this) (country|region|location)|"
    r"in ihrem land nicht verfügbar|unavailable (in|due to) .{0,40}(region|country|legal reasons)",
    re.IGNORECASE,
)


_ABOUT_AGE = re.compile(
    r"\bage\b|\b(16|18|19|20|21)\b|\blegal|alcohol|drink|responsib|\benter|\bborn|birth|terms|privacy|"
    r"cookie|\balter\b|jahre",
    re.IGNORECASE,
)
_ABOUT_ELSEWHERE = re.compile(
    "country|region|location|available|sorry|legal|land|verf", re.IGNORECASE
)
_ABOUT_LOG_IN = re.compile(
    r"log ?-?in|sign ?-?in|password|user ?name|e-?mail|forgot|remember|account|regist|sign up|"
    r"opening|launch|notify|anmeld|passw|kennwort|benutzer|mot de passe|connexion|contraseña|"
    r"usuario|accedi|wachtwoord",
    re.IGNORECASE,
)
"""Words of the sentences of these walls."""


def _placeholder(page: Page, evidence: Evidence) -> str | None:
    """Return what a home page is in place of a site."""
    headings = [evidence.title, *(one.text for one in evidence.headings)]
    if any(_DEFAULT_HEADING.match(text) for text in headings):
        return _DEFAULT_PAGE
    few = evidence.words <= FEW_WORDS and len(evidence.links) <= MAX_LINKS
    if not few or evidence.words_beside(_ABOUT_PLACEHOLDERS) >= OWN_WORDS:
        return None
    shown = evidence.reading
    if _PARKED.search(shown) or _PARKED_AT.search(page.body[:MAX_SEARCHED]):
        return "the page of a domain that is parked, for sale or expired"
    if _DEFAULT.search(shown):
        return _DEFAULT_PAGE
    if _NOT_YET.search("\n".join(headings) if evidence.words > HARDLY_ANY_WORDS else shown):
        return "a note that the site is not there yet, or being worked on"
    return None


_DEFAULT_PAGE = "the default page of a server, or of an account that is suspended"
_DEFAULT_HEADING = re.compile(
    r"welcome to nginx|apache2? .{0,20}default page|apache http server test page|test page for the|"
    r"iis windows|index of /$|account suspended",
    re.IGNORECASE,
)
"""Titles and headings of nothing else, however much is below them."""

_ABOUT_PLACEHOLDERS = re.compile(
    r"domain|registr|owner|\bpark|\bsale\b|\bbuy\b|offer|host|broker|price|purchase|nginx|apache|"
    r"server|web ?site|\bsite\b|configur|default|install|plesk|cpanel|soon|construction|"
    r"maintenance|launch|\bback\b|sorry|inconvenience|notif|follow|advertis|listing|sponsor|payment|"
    r"transfer|account|expired|kauf|baustelle|aufbau|wartung|seite|dominio|sitio|sito|domaine",
    re.IGNORECASE,
)
"""Words of the sentences of placeholders."""

_PARKED = re.compile(
    r"domain( name)? .{0,60}(for sale|parked|has expired|may be available|is available|"
    r"registered|zu verkaufen|zum verkauf|registriert|reserviert|à vendre|en venta|in vendita)|"
    r"(buy|inquire about|make an offer (on|for)) this domain|domain (parking|for sale)|"
    r"(diese|kaufen sie diese) domain|\.[a-z]{2,10} is (available )?for sale|"
    r"domain isn't connected|"
    r"(ce|este|questo) (nom de domaine|dominio|domaine) (est|está|è)",
    re.IGNORECASE,
)
_PARKED_AT = mark(
    r"sedoparking\.com|parkingcrew\.net|bodis\.com|parklogic\.com|afternic\.com|hugedomains\.com|"
    r"skenzo\.com|above\.com/marketplace|window\.park ?=|location\.href ?= ?.?/lander|"
    r"parking-lander|dan\.com/buy-domain|namebright\.com|domainmarket\.com"
)
_DEFAULT = re.compile(
    r"welcome to nginx|apache2? .{0,40}default page|apache http server test page|^it works!|"
    r"test page for the|iis windows|default (web ?)?(site )?page|^index of /|"
    r"account (has )?(been )?(suspended|expired)|(web)?site (is )?(suspended|expired)|"
    r"web hosting (account )?by|future home of|plesk|cpanel|"
    r"congratulations.{0,60}(site|server|installation)|"
    r"there isn't a github pages site|no such (app|site)|site not (found|configured)",
    re.IGNORECASE,
)
_NOT_YET = re.compile(
    r"(coming|opening|launching) soon|under (construction|maintenance)|"
    r"(scheduled|site) maintenance|"
    r"(we'll|we will) be (right )?back|im aufbau|wartungs(arbeiten|modus)|demnächst|"
    r"in (costruzione|manutenzione|construcción|mantenimiento)|en (construction|maintenance)|"
    r"(site|website) is being (built|updated|rebuilt)|bientôt (disponible|en ligne)|próximamente",
    re.IGNORECASE,
)


def _lacking(evidence: Evidence) -> str | None:
    """Return what a page lacks whose HTML is not what visitors see."""
    facts, words = evidence.facts, evidence.words
    shows = len(evidence.links) + len(evidence.forms) + int(facts["images"] or 0)
    if words == shows == 0 and not (facts["scripts"] or facts["frames"]):
        return "is empty: it has neither text, images nor links"
    makes = "a script" if facts["scripts"] else "a frame" if facts["frames"] else None
    if makes and shows < 4 and _is_shell(evidence):
        return f"has {words} words in its HTML: {makes} makes what visitors see, and we run none"
    if evidence.transparent_characters > max(MIN_TRANSPARENT, len(evidence.text)):
        return "has more transparent text than other; a script may show it, and we run none"
    return None


def _is_shell(evidence: Evidence) -> bool:
    """Return whether a page has nothing of its own: no sentences, and nowhere to go from it."""
    if any(form.fields > 1 for form in evidence.forms):
        return False
    own = evidence.words_beside(_ABOUT_LOADING)
    if _NEEDS_SCRIPT.search(evidence.reading) and evidence.words <= FEW_WORDS:
        return own < HARDLY_ANY_WORDS
    leads_on = any(page_key(link.address) != page_key(evidence.url) for link in evidence.links)
    if leads_on or evidence.contacts or len(evidence.calls) > 1:
        return False
    if any(not _ABOUT_LOADING.search(alt) for alt in evidence.alts):
        return False
    return own < (HARDLY_ANY_WORDS // 3 if evidence.headings else HARDLY_ANY_WORDS)


_ABOUT_LOADING = re.compile(
    r"java ?script|browser|\bloading|please wait|\benable|spinner|logo|skip to|wird geladen|"
    r"chargement|cargando|caricamento|carregando|laden|読み込み中|加载中",
    re.IGNORECASE,
)
"""Words of what a page shows until a script fills it."""

_NEEDS_SCRIPT = re.compile(
    r"(enable|activate|turn on|need|require|requires|without) java ?script|"
    r"java ?script (is|must be|has to be|needs to be) (required|enabled|disabled|needed|activated)|"
    r"java ?script.{0,40}(aktivier|einschalten|erforderlich|benötigt|activer|activé|activar|"
    r"attiva)",
    re.IGNORECASE,
)
"""Sentences of a page that a script fills, to visitors without scripts."""
