"""E-mail addresses as text: one spelling of each, and which domains belong to everybody."""

import re
import unicodedata
from functools import lru_cache

import idna

LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
LONGEST_LOCAL = 64  # RFC 5321 section 4.5.3.1.1
LONGEST_CELL = 512

# Providers where everybody can have an address: the domain says nothing about a company.
_FREE = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr hotmail.de live.com msn.com
    yahoo.com yahoo.co.uk yahoo.fr yahoo.de ymail.com rocketmail.com icloud.com me.com mac.com aol.com
    proton.me protonmail.com pm.me tutanota.com tuta.io zoho.com fastmail.com hey.com mail.com email.com
    gmx.de gmx.net gmx.com gmx.at web.de t-online.de freenet.de orange.fr free.fr laposte.net wanadoo.fr sfr.fr
    libero.it virgilio.it alice.it seznam.cz centrum.cz azet.sk freemail.hu abv.bg
    mail.ru inbox.ru list.ru bk.ru internet.ru yandex.ru yandex.com ya.ru rambler.ru
    ukr.net i.ua meta.ua bigmir.net tut.by mail.by
    wp.pl o2.pl onet.pl onet.eu op.pl vp.pl poczta.onet.pl interia.pl interia.eu poczta.fm gazeta.pl tlen.pl go2.pl
    walla.co.il walla.com 012.net.il 013.net 013net.net netvision.net.il bezeqint.net zahav.net.il barak.net.il
    maktoob.com hotmail.co.il yahoo.co.il
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net btinternet.com
    qq.com 163.com 126.com sina.com naver.com hanmail.net daum.net rediffmail.com
"""
FREE_DOMAINS = frozenset(_FREE.split())

# Gmail ignores dots in the local part. Source: https://support.google.com/mail/answer/7436150
DOTLESS_DOMAINS = frozenset({"gmail.com", "googlemail.com"})

_ADDRESS = re.compile(r"([^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+)@([^\s@<>()\[\]\\,;:\"/_\x00-\x1f\x7f]+)")


def split_address(raw: str) -> tuple[str, str] | None:
    """Return local part and domain, in one spelling, of the address in a text such as `Dana <dana@levi.co.il>`.

    The local part is casefolded, the domain ASCII. None where there is no address, or several.
    """
    return None if len(raw) > LONGEST_CELL else _split(raw)


def match_key(raw: str) -> str:
    """Return what two spellings of one mailbox share: Gmail's dots and tags left out; empty where there is none."""
    found = split_address(raw)
    if found is None:
        return ""
    local, domain = found
    if domain in DOTLESS_DOMAINS:
        local, domain = local.partition("+")[0].replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


@lru_cache(maxsize=20_000)
def ascii_domain(domain: str) -> str:
    """Return a domain in the form that the name system knows, in small letters; empty where it is none."""
    try:
        ascii_form = idna.encode(domain.rstrip("."), uts46=True).decode().casefold()
    except (idna.IDNAError, UnicodeError):
        return ""
    return ascii_form if "." in ascii_form else ""


@lru_cache(maxsize=20_000)
def _split(raw: str) -> tuple[str, str] | None:
    text = raw.strip()
    if not raw.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKC", raw) if unicodedata.category(c) != "Cf").strip()
    if ":" in text:
        text = re.sub(r"(?i)^mailto:([^?]*).*$", r"\1", text)
    if "<" in text and (bracketed := re.search(r"<([^<>]*)>\s*$", text)):
        text = bracketed[1]
    found = _ADDRESS.fullmatch(text.strip(" '\"`,;<>").rstrip("."))
    if found is None:
        return None
    local, domain = found[1].casefold(), ascii_domain(found[2])
    address = f"{local}@{domain}"
    if not domain or len(local.encode()) > LONGEST_LOCAL or len(address.encode()) > LONGEST_ADDRESS:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    return local, domain
