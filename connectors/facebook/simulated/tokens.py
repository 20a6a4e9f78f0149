"""Access tokens: of people, of pages, of the app itself; how long they live and what kills them.

Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from threading import RLock

from connectors.facebook.simulated.errors import ApiError, dead, invalid
from connectors.facebook.simulated.things import SCOPES, Person
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

SHORT_S = 3_600  # between one and two hours
LONG_S = 60 * 86_400
DATA_ACCESS_S = 90 * 86_400  # after which a person has to come back
APP_NAME = "Hub"


@dataclass
class Token:
    """One token. `expires_at` 0: it does not expire by age."""

    text: str
    kind: str  # USER, PAGE, SYSTEM_USER or APP
    person_id: str
    page_id: str
    issued_at: float
    expires_at: float
    scopes: frozenset[str]
    killed_by: tuple[int, int] | None = None  # code and subcode with which it is turned down


class Tokens:
    """Every token of one app."""

    def __init__(self, clock: Clock, lock: RLock, people: dict[str, Person]) -> None:
        self.lock = lock
        self._clock, self._people = clock, people
        self.app_id, self.app_secret = "731524908861234", secrets.token_hex(16)
        self.old_secrets: list[str] = []  # no longer taken; what was signed with them is forged
        self.proof_needed = True  # `Require app secret` in the app's settings
        self._given: dict[str, Token] = {}
        self._of_pages: dict[tuple[str, str], str] = {}

    @property
    def app_token(self) -> str:
        """What the app itself asks with."""
        return f"{self.app_id}|{self.app_secret}"

    @locked
    def give(self, person: Person, *, lasting: bool, scopes: Iterable[str] | None = None) -> Token:
        """Give a person's token; of a system user it never expires."""
        kind = "SYSTEM_USER" if person.is_system else "USER"
        life_s = 0 if person.is_system else LONG_S if lasting else SHORT_S
        allowed = person.granted if scopes is None else scopes
        return self._keep(kind, person.id, "", life_s, frozenset(allowed))

    @locked
    def of_page(self, token: Token, page_id: str) -> Token:
        """The page's token of whom a token stands for: without an end, unless that token is a short one.

        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
        """
        known = self._given.get(self._of_pages.get((token.text, page_id), ""))
        if known is not None and known.killed_by is None:
            return known
        is_short = token.kind == "USER" and token.expires_at - token.issued_at <= SHORT_S
        made = self._keep("PAGE", token.person_id, page_id, SHORT_S if is_short else 0, token.scopes)
        self._of_pages[token.text, page_id] = made.text
        return made

    def _keep(self, kind: str, person_id: str, page_id: str, life_s: float, scopes: frozenset[str]) -> Token:
        now = self._clock.time()
        text = "EAAK" + secrets.token_hex(40)
        made = Token(text, kind, person_id, page_id, now, now + life_s if life_s else 0, scopes)
        self._given[text] = made
        return made

    @locked
    def check(self, text: str) -> Token:
        """Return whose token it is. Raises ApiError: it is none, or it is dead."""
        found = self.find(text)
        if found is None:
            raise ApiError(190, "Invalid OAuth access token - Cannot parse access token")
        self.must_live(found)
        return found

    @locked
    def find(self, text: str) -> Token | None:
        """A token, alive or dead."""
        if hmac.compare_digest(text.encode(), self.app_token.encode()):
            return Token(text, "APP", "", "", 0, 0, frozenset(SCOPES))
        return self._given.get(text)

    def must_live(self, token: Token) -> None:
        """Raises ApiError: the token is dead, or its owner has nothing to say about its page any more."""
        if token.killed_by is not None:
            code, subcode = token.killed_by
            raise dead(subcode) if code == 190 else ApiError(code, "The session is no longer valid.", subcode=subcode)
        if token.expires_at and self._clock.time() >= token.expires_at:
            raise dead(463)
        if token.page_id and not self._people[token.person_id].tasks.get(token.page_id):
            raise dead(492)

    @locked
    def kill(self, person_id: str, code: int = 190, subcode: int = 460) -> None:
        """Let every token that a person's consent ever gave be dead; what is given from now on lives."""
        for token in self._given.values():
            if token.person_id == person_id:
                token.killed_by = (code, subcode)

    @locked
    def expire(self, token: Token) -> None:
        """Let one token be dead of age before its time; of a page, the next that is asked for is another."""
        token.killed_by = (190, 463)

    @locked
    def narrow(self, person_id: str, scopes: Iterable[str]) -> None:
        """Let every token of a person stand for these permissions no more."""
        for token in self._given.values():
            if token.person_id == person_id:
                token.scopes -= frozenset(scopes)

    @locked
    def rotate(self) -> str:
        """Give the app another secret; the old one is no longer taken. Returns the new one."""
        self.old_secrets.append(self.app_secret)
        self.app_secret = secrets.token_hex(16)
        return self.app_secret

    def check_proof(self, token: Token, proof: str) -> None:
        """See whether a call comes from somebody who knows the app's secret. Raises ApiError.

        Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof
        """
        if not proof:
            if self.proof_needed and token.kind != "APP":
                raise invalid(
                    "API calls from the server require an appsecret_proof argument", kind="GraphMethodException"
                )
            return
        wanted = hmac.new(self.app_secret.encode(), token.text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), proof.encode()):
            raise invalid("Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")
