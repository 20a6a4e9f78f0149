"""E-mail addresses: one spelling of each, and whether a person, a role or a whole company stands behind it."""

from dataclasses import dataclass
from functools import lru_cache

from tldextract import TLDExtract

from hub.records.address import DOTLESS_DOMAINS, FREE_DOMAINS, split_address

KIND = "email"  # of such an identifier


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
        if self.domain in DOTLESS_DOMAINS:
            return f"{local.replace('.', '')}@gmail.com"
        return f"{local}@{self.domain}"


def read_email(raw: str) -> Email | None:
    """Return the address in a text such as `Dana Levi <dana@levi.co.il>`; None where there is none, or several."""
    found = split_address(raw)
    if found is None:
        return None
    local, domain = found
    return Email(f"{local}@{domain}", local, domain, raw)


def email_line(raw: str) -> str:
    """Return the normal form of the address in a line, or an empty line."""
    email = read_email(raw)
    return email.address if email else ""


def is_role(local: str) -> bool:
    """Tell whether a local part names a role: `info`, `sales.pl`, `office+spam`, `no-reply2`."""
    local = local.partition("+")[0].rstrip("0123456789")
    return local in ROLE_LOCALS or local.replace("_", ".").partition(".")[0] in ROLE_LOCALS


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
