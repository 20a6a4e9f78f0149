"""E-mail addresses: one spelling of each, and whether a person, a role or a whole company stands behind it."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna
from tldextract import TLDExtract

LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
LONGEST_LOCAL = 64  # RFC 5321 section 4.5.3.1.1
LONGEST_CELL = 512


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Mailboxes of a role, not of a person: several people read them and their names come and go (RFC 2142 and use).
ROLE_LOCALS = _listed("""
    info sales office contact kontakt biuro sekretariat handel support help helpdesk service serwis service-desk
    admin administrator webmaster postmaster hostmaster abuse noc security root mail mailbox email
    noreply no-reply donotreply do-not-reply mailer-daemon notifications notification alerts news newsletter
    marketing media press pr jobs career careers hr rekrutacja kadry praca
    billing accounting accounts invoice invoices faktury faktura ksiegowosc finance finanse payments orders order
    zamowienia shop store sklep reception recepcja hello team welcome enquiries inquiries feedback privacy legal
    buchhaltung rechnung vertrieb verkauf einkauf personal zentrale buero
    buh buhgalter zakaz prodazhi otdel priemnaya
""")

# Mailboxes of programs: nobody is there.
AUTOMATIC_LOCALS = _listed("""
    noreply no-reply donotreply do-not-reply mailer-daemon postmaster notifications notification bounce bounces
""")

# Providers where everybody can have an address: the domain says nothing about a company.
FREE_DOMAINS = _listed("""
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
""")

# Gmail ignores dots in the local part. Source: https://support.google.com/mail/answer/7436150
_DOTLESS_DOMAINS = frozenset({"gmail.com", "googlemail.com"})

_ADDRESS = re.compile(r"([^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+)@([^\s@<>()\[\]\\,;:\"/_\x00-\x1f\x7f]+)")


@dataclass(frozen=True, slots=True)
class Email:
    """One address. `address` is casefolded with its domain in ASCII; it identifies."""

    address: str
    local: str
    domain: str
    raw: str

    @property
    def role(self) -> bool:
        """Whether a role reads it and not one person."""
        return is_role(self.local)

    @property
    def automatic(self) -> bool:
        """Whether a program writes from it, so that it identifies nobody."""
        return self.local.partition("+")[0] in AUTOMATIC_LOCALS

    @property
    def free(self) -> bool:
        """Whether its domain belongs to a provider for everybody."""
        return self.domain in FREE_DOMAINS

    @property
    def company_domain(self) -> str:
        """The registrable domain where it can stand for a company; else empty."""
        return "" if self.free else registrable(self.domain)

    @property
    def weak_key(self) -> str:
        """The address without what many providers ignore (a plus tag, Gmail's dots): a hint, never an identity."""
        local = self.local.partition("+")[0] or self.local
        if self.domain in _DOTLESS_DOMAINS:
            return f"{local.replace('.', '')}@gmail.com"
        return f"{local}@{self.domain}"


def read_email(raw: str) -> Email | None:
    """Return the address in a text such as `Dana Levi <dana@levi.co.il>`; None where there is none, or several."""
    if len(raw) > LONGEST_CELL:
        return None
    return _read(raw)


def email_line(raw: str) -> str:
    """Return the normal form of the address in a line, or an empty line."""
    email = read_email(raw)
    return email.address if email else ""


def is_role(local: str) -> bool:
    """Tell whether a local part names a role: `info`, `sales.pl`, `office+spam`, `no-reply2`."""
    local = local.partition("+")[0].rstrip("0123456789")
    return local in ROLE_LOCALS or re.split(r"[._]", local)[0] in ROLE_LOCALS


@lru_cache(maxsize=20_000)
def registrable(domain: str) -> str:
    """Return the part of a domain that somebody registered (`levi.co.il` of `mail.levi.co.il`), or nothing.

    From the public suffix list that the library carries; nothing is fetched and nothing is cached on disk.
    """
    return _suffixes()(domain).top_domain_under_public_suffix


@lru_cache(maxsize=1)
def _suffixes() -> TLDExtract:
    # Private suffixes too: customers of one hosting provider (github.io, blogspot.com) are not one company.
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


@lru_cache(maxsize=20_000)
def _read(raw: str) -> Email | None:
    text = "".join(c for c in unicodedata.normalize("NFKC", raw) if unicodedata.category(c) != "Cf").strip()
    text = re.sub(r"(?i)^mailto:([^?]*).*$", r"\1", text)
    if bracketed := re.search(r"<([^<>]*)>\s*$", text):
        text = bracketed[1]
    found = _ADDRESS.fullmatch(text.strip(" '\"`,;<>").rstrip("."))
    if found is None:
        return None
    local, domain = found[1].casefold(), _ascii_domain(found[2])
    address = f"{local}@{domain}"
    if not domain or len(local.encode()) > LONGEST_LOCAL or len(address.encode()) > LONGEST_ADDRESS:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    return Email(address, local, domain, raw)


def _ascii_domain(domain: str) -> str:
    try:
        ascii_form = idna.encode(domain.rstrip("."), uts46=True).decode().casefold()
    except (idna.IDNAError, UnicodeError):
        return ""
    return ascii_form if "." in ascii_form else ""
